"""Reading and writing XML without surprises, in types. The one place that touches lxml.

What comes from outside is parsed with document types, entities, huge nodes and network access
refused; lxml carries no types, so a Protocol says what of an element the rest may use.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol, cast

from telephony.errors import PbxProtocolError

_lxml = cast("Any", import_module("lxml.etree"))


class Element(Protocol):
    """An XML element, as far as we use it."""

    text: str | None

    def iter(self, *names: str) -> Iterator[Element]:
        """Itself and its descendants of these names."""
        ...

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        ...

    def set(self, name: str, value: str) -> None:
        """Set an attribute."""
        ...

    def remove(self, child: Element) -> None:
        """Take a child out."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Element]: ...

    def __getitem__(self, index: int) -> Element: ...


def parse(body: bytes) -> Element:
    """Parse what somebody else sent.

    Raises:
        PbxProtocolError: It is no XML, or XML that brings a document type.
    """
    parser = _lxml.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = _lxml.fromstring(body, parser)
    except (_lxml.XMLSyntaxError, ValueError) as error:
        raise PbxProtocolError(f"this is no XML: {error}") from error
    if root.getroottree().docinfo.doctype:
        raise PbxProtocolError("the XML brings a document type, which no phone system sends")
    return cast("Element", root)


def is_element(thing: object) -> bool:
    """Whether this is an XML element."""
    return bool(_lxml.iselement(thing))


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return str(_lxml.QName(element).localname)


def first(element: Element, name: str) -> Element | None:
    """The first descendant with this local name, whatever its namespace."""
    return next(element.iter(f"{{*}}{name}"), None)


def child(element: Element, name: str) -> Element | None:
    """The first child with this local name."""
    return next((part for part in element if local_name(part) == name), None)


def text_of(element: Element | None) -> str:
    """The stripped text of an element; empty for None."""
    return (element.text or "").strip() if element is not None else ""


def new(name: str, text: str = "", namespaces: dict[str, str] | None = None) -> Element:
    """A new root element."""
    made = cast("Element", _lxml.Element(name, nsmap=namespaces))
    made.text = without_control(text) or None
    return made


def add(parent: Element, name: str, text: str = "") -> Element:
    """A new last child. Characters XML cannot carry are left out."""
    made = cast("Element", _lxml.SubElement(parent, name))
    made.text = without_control(text) or None
    return made


def without_control(text: str) -> str:
    """`text` without the control characters that XML 1.0 cannot carry."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))


def to_bytes(element: Element, declaration: bool = True) -> bytes:
    """The element as UTF-8, with an XML declaration unless told otherwise."""
    return bytes(_lxml.tostring(element, xml_declaration=declaration, encoding="utf-8"))
