"""Write every page anew: ``python -m documentation``."""

from __future__ import annotations

import sys

from documentation.pages import FOLDER, PAGES


def main() -> int:
    """Write what has changed and name it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        file, text = FOLDER / name, page()
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            sys.stdout.write(f"written: docs/reference/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
