"""`chatserver plugin run bots`: bots made and listed, and their tokens made and revoked, by an operator."""

import click

from chatserver import Actor, ChatError, Context, RunInServer, Scope, time_text
from chatserver_plugins.bots.book import PAGE, Book, Bot
from chatserver_plugins.bots.desk import DAY, Makers, may_own


def commands(run: RunInServer, per_user: int, per_bot: int, makers: Makers) -> click.Command:
    """The group of commands. `run` opens the store for them."""

    def book(context: Context) -> Book:
        return Book(context, per_user, per_bot)

    async def named(context: Context, username: str) -> Bot:
        account = await context.service.accounts.named(username)
        return await book(context).get(account.id)

    @click.group()
    def bots() -> None:
        """Bots, and the tokens that sign them in."""

    @bots.command()
    @click.argument("bot")
    @click.option("--owner", required=True, help="User name of the person to whom it belongs.")
    @click.option("--name", help="Display name; by default the user name.")
    @click.option("--description", default="", help="What it is for.")
    def make(bot: str, owner: str, name: str | None, description: str) -> None:
        """Make a bot with this user name."""

        async def act(context: Context) -> None:
            person = await context.service.accounts.named(owner)
            if not may_own(person, makers):
                raise ChatError("user.forbidden", f"{owner} may not have bots.")
            await book(context).demand_room(person.id)
            account = await context.service.accounts.add_bot(bot, name, Actor())
            made = Bot(id=account.id, owner=person.id, description=description[:500])
            await book(context).add(made)

        run(act)

    @bots.command("list")
    def list_() -> None:
        """List all bots and their tokens: user name, owner, then a line a token."""

        async def act(context: Context) -> list[str]:
            found, lines = await book(context).page("", PAGE), []
            while found:
                ids = {each.id for each in found} | {each.owner for each in found}
                names = await context.service.accounts.get_many(sorted(ids))
                for bot in found:
                    shown = [
                        names[id].username if id in names else id for id in (bot.id, bot.owner)
                    ]
                    lines.append(f"{shown[0]} of {shown[1]}{' locked' if bot.locked else ''}")
                    lines += [
                        f"  {each.id} {','.join(each.scopes)} "
                        f"{time_text(each.expires)[:10] if each.expires else 'for-good'} {each.label}"
                        for each in bot.tokens
                    ]
                found = await book(context).page(found[-1].id, PAGE)
            return lines

        for line in run(act):
            click.echo(line)

    @bots.command()
    @click.argument("bot")
    @click.option("--label", required=True, help="Where the token will be used.")
    @click.option(
        "--scope",
        "scopes",
        multiple=True,
        required=True,
        type=click.Choice([each.value for each in Scope]),
    )
    @click.option("--days", type=click.FloatRange(0, 3650, min_open=True), help="Until it ends.")
    def token(bot: str, label: str, scopes: tuple[str, ...], days: float | None) -> None:
        """Make a token of a bot; prints it, this once."""

        async def act(context: Context) -> str:
            found = await named(context, bot)
            wanted = sorted({Scope(each) for each in scopes})
            expires = None if days is None else context.clock.now() + days * DAY
            secret, _ = await book(context).add_token(found.id, label[:100], wanted, expires)
            return secret

        click.echo(run(act))

    @bots.command()
    @click.argument("bot")
    @click.argument("token")
    def revoke(bot: str, token: str) -> None:
        """Revoke a token by its id; its connections end."""

        async def act(context: Context) -> None:
            found = await named(context, bot)
            await book(context).drop_token(found.id, token)
            await context.service.accounts.recheck(found.id)

        try:
            run(act)
        except ChatError as error:
            raise click.ClickException(error.text) from error

    return bots
