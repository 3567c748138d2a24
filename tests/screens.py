"""Photograph every page, at 390 and 1280 pixels, light and dark: `python -m tests.screens FOLDER`.

Starts Warmline with the demo program, plays an evening of conversations, and writes PNG files.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browsers import CHROMIUM, FLAGS
from tests.faces import FACES, Evening
from tests.processes import Stack

WIDTHS = (390, 1280)
THEMES = ("light", "dark")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        evening = Evening(Stack(Path(kept)), browser)
        try:
            evening.happens()
            for theme in THEMES:
                for width in WIDTHS:
                    for face in FACES:
                        context = evening.context(face.who, width=width, theme=theme)
                        page = evening.opens(face, context)
                        page.wait_for_timeout(300)  # parts that are read afterwards, and charts
                        name = f"{face.name}-{width}-{theme}.png"
                        page.screenshot(path=folder / name, full_page=True)
                        context.close()
            browser.close()
        finally:
            evening.ends()
    print(f"{len(FACES) * len(WIDTHS) * len(THEMES)} pictures in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "var/screens"))
