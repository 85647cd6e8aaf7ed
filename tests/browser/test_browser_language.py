"""Languages: the catalogues hold the same texts, the page uses them all, and French is French on every screen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.visitor import PHONE, Server, Visitor

PAGE = Path(__file__).parents[2] / "edge_runtime" / "server" / "page"
SCRIPTS = sorted((PAGE / "js").glob("*.js"))
LANGUAGES = re.findall(r"^  (\w+): ", (PAGE / "js" / "languages.js").read_text(), re.MULTILINE)


def _catalogue(language: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), f"twice: {sorted({name for name in names if names.count(name) > 1})}"
        return dict(pairs)

    return json.loads((PAGE / "messages" / f"{language}.json").read_text("utf-8"), object_pairs_hook=once)


def _texts(entry: str | dict[str, str]) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def test_every_listed_language_has_a_catalogue_and_no_other() -> None:
    assert {"en", "fr"} <= set(LANGUAGES)
    assert sorted(LANGUAGES) == sorted(path.stem for path in (PAGE / "messages").glob("*.json"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_has_the_same_texts_and_placeholders(language: str) -> None:
    english, other = _catalogue("en"), _catalogue(language)
    assert english.keys() == other.keys()
    for key in english:
        assert isinstance(english[key], dict) == isinstance(other[key], dict), key
        wanted = set(re.findall(r"\{(\w+)\}", " ".join(_texts(english[key]))))
        for text in _texts(other[key]):
            assert text.strip(), key
            assert set(re.findall(r"\{(\w+)\}", text)) == wanted, key
        if isinstance(other[key], dict):
            assert {"one", "other"} <= other[key].keys(), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_gives_a_verdict_on_a_person(language: str) -> None:
    for entry in _catalogue(language).values():
        for text in _texts(entry):
            assert not re.search(r"negativ|négati|healthy person|infected person", text, re.IGNORECASE), text


def test_scripts_use_every_text_and_no_unknown_one() -> None:
    code = "".join(path.read_text("utf-8") for path in SCRIPTS)
    keys = set(_catalogue("en"))
    plain = {key for key in keys if f'"{key}"' in code}
    families = set(re.findall(r"`([a-z.-]+\.)\$\{", code)) | {
        f"{name}." for name in re.findall(r'named\("([a-z-]+)"', code)
    }
    families |= {"species.", "stage-of.", "focus.", "exposure.", "density."}  # named through a variable
    assert {key for key in keys - plain if not key.startswith(tuple(families))} == set()
    asked = set(re.findall(r'\bt\(\s*"([^"]+)"', code)) | set(re.findall(r'\? "([a-z]+\.[a-z.-]+)"', code))
    assert asked - keys == set()


def test_page_holds_no_inline_code_and_no_foreign_address() -> None:
    for path in [*SCRIPTS, *PAGE.glob("*.html"), *PAGE.glob("*.css"), *PAGE.glob("*.svg")]:
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function", text), path
    html = (PAGE / "index.html").read_text("utf-8")
    assert not re.search(r"\son\w+=|style=|<style|<script>", html)


@pytest.mark.long
def test_french(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **PHONE, locale="fr-FR")
    page = person.page
    person.open()
    page.get_by_label("Code de la lame").fill("A17")
    assert page.locator("html").get_attribute("lang") == "fr"
    assert page.locator("#research").inner_text() == "Réservé à la recherche. Ne pas utiliser à des fins de diagnostic."
    page.get_by_role("button", name="Commencer la session").click()
    page.get_by_role("button", name="C’est noté").click()
    page.get_by_role("button", name="Capturer le champ").click()
    page.locator(".outcome h2", has_text="Le champ 1 compte").wait_for()
    assert "Limite de détection non établie sur cet appareil" in page.locator(".tally").inner_text()
    for name in ("Champs", "Relire", "Rapport"):
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        page.locator("#main h1").first.wait_for(state="attached")
    assert "encore" in page.locator(".counted").inner_text()
    page.get_by_label("Langue").select_option("en")
    page.get_by_role("navigation").get_by_role("link", name="Report").wait_for()
    page.reload()
    page.get_by_role("navigation").get_by_role("link", name="Report").wait_for()
    person.assert_content()
