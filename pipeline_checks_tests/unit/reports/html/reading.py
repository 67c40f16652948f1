"""Reads a page back: its elements, its texts, and what is packed in it."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_VOID = {"meta", "link", "br", "input", "img", "hr", "rect", "path", "circle"}


@dataclass
class Element:
    """An element with its attributes, and the texts and elements in it."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    parts: list[Element | str] = field(default_factory=list)

    @property
    def children(self) -> list[Element]:
        return [part for part in self.parts if isinstance(part, Element)]

    @property
    def own(self) -> str:
        """The text that stands in the element itself."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def text(self) -> str:
        """All text in the element, on one line."""
        return " ".join(" ".join(p if isinstance(p, str) else p.text for p in self.parts).split())

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    def all(self, tag: str, of_class: str = "") -> list[Element]:
        """The elements below this one with a tag, and a class when one is given."""
        found = []
        for child in self.children:
            if child.tag == tag and (not of_class or of_class in child.classes):
                found.append(child)
            found += child.all(tag, of_class)
        return found

    def section(self, label: str) -> Element:
        """The section of that name."""
        return next(s for s in self.all("section") if s.attributes.get("aria-label") == label)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("root")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].parts.append(made)
        if tag not in _VOID:
            self._open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].parts.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].parts.append(data)


def read(page: str) -> Element:
    """Return the page as a tree; fails where elements are not closed in their order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert len(reader._open) == 1, [e.tag for e in reader._open]
    return reader.root


def unpacked(page: Element) -> list[Any]:
    """Return the findings that the first pipeline of the page has packed."""
    (store,) = [s for s in page.all("script") if s.attributes.get("id") == "p0-packed"]
    found: list[Any] = json.loads(gzip.decompress(base64.b64decode(store.own)))
    return found
