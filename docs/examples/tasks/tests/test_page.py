"""The page in Chromium: two people, each with a browser window of their own."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from chatserver.testing.running import PASSWORD, Chat, running

playwright = pytest.importorskip("playwright.async_api")
expect = playwright.expect
WAIT_MS = 60_000  # ends early by itself, so it may be long

NAMES = ("chromium", "google-chrome", "chromium-headless-shell")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium is installed"
)


@asynccontextmanager
async def windows() -> AsyncIterator[Callable[..., Awaitable["playwright.Page"]]]:
    """A function that opens the page as one of the users."""
    expect.set_options(timeout=WAIT_MS)
    async with playwright.async_playwright() as started:
        browser = await started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        async def sign_in(chat: Chat, name: str, locale: str = "en") -> "playwright.Page":
            page = await (await browser.new_context(locale=locale)).new_page()
            await page.goto(chat.url)
            await page.get_by_test_id("username").fill(name)
            await page.get_by_test_id("password").fill(PASSWORD)
            await page.get_by_test_id("submit").click()
            await page.get_by_test_id("room").filter(has_text="Lounge").click()
            return page

        yield sign_in
        await browser.close()


def test_a_task_of_one_is_done_by_another() -> None:
    async def talk() -> None:
        async with running("tasks") as chat, windows() as sign_in:
            ada, bob = await chat.user("ada"), await chat.user("bob")
            room = await ada.create_room("Lounge", members=[bob])
            await ada.post(room, "Buy <b>milk</b>")
            hers, his = await sign_in(chat, "ada"), await sign_in(chat, "bob", "ja-JP")

            await hers.get_by_test_id("account").click()
            await hers.get_by_role("link", name="Tasks").click()
            await hers.get_by_label("Tell me when somebody has done one of my tasks").check()
            await hers.get_by_role("button", name="Back to the rooms").click()

            await his.get_by_role("button", name="タスク", exact=True).click()
            panel = his.get_by_role("complementary", name="タスク")
            await expect(panel).to_contain_text("残っているタスクはありません")

            message = hers.get_by_test_id("message").filter(has_text="Buy")
            await message.hover()
            await message.get_by_role("button", name="Make a task of it").click()
            await expect(message.get_by_label("Task of ada")).not_to_be_checked()
            await hers.get_by_role("button", name="Tasks", exact=True).click()
            listed = hers.get_by_role("complementary", name="Tasks")
            await expect(listed.get_by_label("Buy <b>milk</b>")).to_be_visible()

            await panel.get_by_label(
                "Buy <b>milk</b>"
            ).click()  # came by itself, and goes once it is done
            await expect(message.get_by_role("button", name="Make a task of it")).to_have_count(0)
            await expect(panel).to_contain_text("残っているタスクはありません")
            await expect(his.get_by_label("bob さんが完了")).to_be_checked()
            await expect(message.get_by_label("Done by bob")).to_be_checked()
            await expect(listed).to_contain_text("Nothing is left to do here.")
            await expect(hers.get_by_text("bob has done one of your tasks")).to_be_visible()

            await message.get_by_label("Done by bob").click()
            await expect(panel.get_by_label("Buy <b>milk</b>")).not_to_be_checked()

    asyncio.run(talk())


def test_a_refusal_is_shown_and_the_tick_goes_back() -> None:
    async def talk() -> None:
        settings = {"plugin.tasks.most": 1}
        async with running("tasks", settings=settings) as chat, windows() as sign_in:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            done, other = await ada.post(room, "Buy milk"), await ada.post(room, "Call Eve")
            await ada.call("tasks.open", room=room.id, message=done.id)
            await ada.call("tasks.done", room=room.id, message=done.id)
            await ada.call("tasks.open", room=room.id, message=other.id)
            page = await sign_in(chat, "ada")
            first = page.get_by_test_id("message").first
            await first.get_by_label("Done by ada").click()
            await expect(first.get_by_role("alert")).to_contain_text("too many open tasks")
            await expect(first.get_by_role("checkbox")).to_be_checked()

    asyncio.run(talk())


def test_the_panel_leads_to_the_message() -> None:
    async def talk() -> None:
        async with running("tasks") as chat, windows() as sign_in:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            task = await ada.post(room, "Buy milk")
            for number in range(60):
                await ada.post(room, f"Later {number}")
            await ada.call("tasks.open", room=room.id, message=task.id)
            page = await sign_in(chat, "ada")
            await expect(page.get_by_text("Later 59")).to_be_in_viewport()
            await page.get_by_role("button", name="Tasks", exact=True).click()
            panel = page.get_by_role("complementary", name="Tasks")
            await panel.get_by_role("button", name="Show the message").click()
            card = page.get_by_test_id("message").filter(has_text="Task of ada")
            await expect(card).to_be_in_viewport()
            await expect(panel).to_be_visible()

            await page.get_by_role("button", name="Go to the latest").click()
            await expect(card).not_to_be_in_viewport()
            await page.set_viewport_size({"width": 390, "height": 800})
            await panel.get_by_role("button", name="Show the message").click()
            await expect(panel).to_be_hidden()  # it would cover the message
            await expect(card).to_be_in_viewport()

    asyncio.run(talk())
