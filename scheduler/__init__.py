"""The scheduler: one leader per pool assigns waiting jobs, and takes them back from workers that are gone."""
