"""The API's own description: what each route declares of itself, and the OpenAPI document that is made of it."""
