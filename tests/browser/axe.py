"""axe-core on a page as it is: what bars people who see, hear or move otherwise."""

from playwright.async_api import Page

from tests.programs.web_build import WEB

AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
VIOLATIONS = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}"""


async def violations(page: Page) -> list[str]:
    """The faults that it finds, each with its elements."""
    if not await page.evaluate("'axe' in globalThis"):
        await page.evaluate(AXE.read_text())
    found: list[str] = await page.evaluate(VIOLATIONS)
    return found
