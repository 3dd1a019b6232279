"""axe-core on a page as it is: what bars people who see, hear or move otherwise."""

from typing import Literal

from playwright.async_api import Page

from tests.browser.support.pictures import take_picture
from tests.programs.chromium import until
from tests.programs.web_build import WEB

AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
# What a scheme can break: the other rules do not look at colours.
COLOUR_RULES = ("color-contrast", "link-in-text-block")
VIOLATIONS = """async (rules) => {
    const only = rules.length ? { runOnly: { type: 'rule', values: rules } } : {};
    const { violations } = await axe.run(document, { resultTypes: ['violations'], ...only });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}"""
HAVE_COLOURS_SETTLED = """[document, ...[...document.querySelectorAll('*')]
    .map((one) => one.shadowRoot).filter((root) => root)]
    .flatMap((root) => root.getAnimations()).every((one) => !(one instanceof CSSTransition))"""


async def violations(page: Page, *rules: str) -> list[str]:
    """The faults that it finds by the rules, else by all, each with its elements."""
    if not await page.evaluate("'axe' in globalThis"):
        await page.evaluate(AXE.read_text())
    found: list[str] = await page.evaluate(VIOLATIONS, list(rules))
    return found


async def violations_in_schemes(page: Page, name: str) -> list[str]:
    """The faults of its colours in dark, then all of the page in light, and a picture of each."""
    await _turn(page, "dark", name)
    in_dark = [f"dark: {one}" for one in await violations(page, *COLOUR_RULES)]
    await _turn(page, "light", name)
    return in_dark + await violations(page)


async def _turn(page: Page, scheme: Literal["light", "dark"], name: str) -> None:
    await page.emulate_media(color_scheme=scheme)
    await until(page, HAVE_COLOURS_SETTLED)
    await take_picture(page, f"{name}-{scheme}")
