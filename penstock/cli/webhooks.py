"""`penstock webhooks …`: who is told of the ends of jobs, and what came of it."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from penstock.cli.commands import Command, Group
from penstock.cli.options import JsonOption, Work
from penstock.cli.remote.options import DEFAULT_URL, UrlOption

commands = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Have other servers told of the ends of jobs.",
    epilog="""Examples:

  penstock webhooks create https://example.com/penstock
  penstock webhooks list
  penstock webhooks deliveries --state failed
""",
)

_WebhookArgument = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id, as `list` shows it.")]
_DeliveryArgument = Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id, as `deliveries` shows it.")]


@commands.command("list", cls=Command, epilog="Examples:\n\n  penstock webhooks list --json | jq -r .url")
def show_list(url: UrlOption = DEFAULT_URL, *, json: JsonOption = False) -> Work:
    """List subscriptions, oldest first."""
    from penstock.cli.remote import webhooks

    return partial(webhooks.show_list, url, as_json=json)


@commands.command(
    cls=Command, epilog="Examples:\n\n  penstock webhooks create https://example.com/penstock --event job.failed"
)
def create(
    to: Annotated[str, typer.Argument(metavar="RECEIVER", help="Where events are sent: https://HOST/PATH.")],
    url: UrlOption = DEFAULT_URL,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="NAME", help="Send such events; may be repeated.", show_default="all"),
    ] = None,
    description: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What it is for.", show_default="none")
    ] = None,
) -> Work:
    """Subscribe to the ends of jobs.

    It prints the subscription with its secret, which is shown this once.
    """
    from penstock.cli.remote import webhooks

    return partial(webhooks.create, url, to, event or [], description)


@commands.command(cls=Command, epilog="Examples:\n\n  penstock webhooks rotate WEBHOOK | jq -r .secret")
def rotate(webhook: _WebhookArgument, url: UrlOption = DEFAULT_URL) -> Work:
    """Give a subscription a new secret, and print it with it.

    The old one signs beside it for a while. `jobs` is the secret for URLs that jobs bring along.
    """
    from penstock.cli.remote import webhooks

    return partial(webhooks.rotate, url, webhook)


@commands.command(cls=Command, epilog="Examples:\n\n  penstock webhooks enable WEBHOOK")
def enable(webhook: _WebhookArgument, url: UrlOption = DEFAULT_URL) -> Work:
    """Enable a subscription again that a receiver's 410 disabled.

    What ended meanwhile is not sent.
    """
    from penstock.cli.remote import webhooks

    return partial(webhooks.enable, url, webhook)


@commands.command(cls=Command, epilog="Examples:\n\n  penstock webhooks delete WEBHOOK")
def delete(webhook: _WebhookArgument, url: UrlOption = DEFAULT_URL) -> Work:
    """Unsubscribe."""
    from penstock.cli.remote import webhooks

    return partial(webhooks.delete, url, webhook)


@commands.command("test", cls=Command, epilog="Examples:\n\n  penstock webhooks test WEBHOOK")
def send_test(webhook: _WebhookArgument, url: UrlOption = DEFAULT_URL) -> Work:
    """Send a test event, and print the id of its delivery."""
    from penstock.cli.remote import webhooks

    return partial(webhooks.send_test, url, webhook)


@commands.command(
    cls=Command,
    epilog="""Examples:

  penstock webhooks deliveries --webhook WEBHOOK --state pending
  penstock webhooks deliveries --job JOB --json | jq '.attempts[].error'
""",
)
def deliveries(
    url: UrlOption = DEFAULT_URL,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only pending, delivered or failed ones.", show_default="all")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="WEBHOOK", help="Only those of this subscription.", show_default="all")
    ] = None,
    job: Annotated[
        str | None, typer.Option(metavar="JOB", help="Only those about this job.", show_default="all")
    ] = None,
    limit: Annotated[int, typer.Option(metavar="COUNT", min=1, help="So many at most.", show_default="20")] = 20,
    *,
    json: JsonOption = False,
) -> Work:
    """List deliveries with what came of them, newest first."""
    from penstock.cli.job_ids import job_id
    from penstock.cli.remote import webhooks

    wanted = {"state": state, "webhook_id": webhook, "job_id": None if job is None else job_id(job)}
    return partial(webhooks.deliveries, url, wanted, limit, as_json=json)


@commands.command(cls=Command, epilog="Examples:\n\n  penstock webhooks redeliver DELIVERY")
def redeliver(delivery: _DeliveryArgument, url: UrlOption = DEFAULT_URL) -> Work:
    """Deliver again, under the same id and on a schedule that begins anew."""
    from penstock.cli.remote import webhooks

    return partial(webhooks.redeliver, url, delivery)
