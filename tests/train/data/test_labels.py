"""What names of folders say of their cells, alone and together, and what numbers do not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.errors import BadData, WrongUsage
from tests.train.data.test_dataset import touch
from train.data.labels import number_in, statement
from train.data.reading import Reading
from train.data.scan import scan

INFECTED = (
    "Parasitized", "parasitised", "PARASITIZED CELLS", "infected", "Infected_2019_kisumu", "positive", "pos", "sick",
    "malaria", "Malaria-positive", "positive for malaria", "Plasmodium", "falciparum", "P. vivax", "plasmodium_ovale",
    "malariae", "knowlesi", "trophozoites", "parasitized(1)", "parasitized2", "unhealthy", "not healthy", "non-negative",
    "infected no 3", "train_infected", "abnormal",
)  # fmt: skip
HEALTHY = (
    "Uninfected", "un-infected", "unInfected", "UNPARASITISED", "unparasitized", "nonparasitized", "non-infected",
    "NonInfected", "not infected", "Not_Parasitised", "no-malaria", "noMalaria", "no malaria parasites", "nonmalarial",
    "malaria-free", "parasite_free", "free of malaria", "without parasites", "negative", "Malaria negative", "neg",
    "healthy", "Healthy (2)", "clean", "normal_cells", "no sign of malaria", "not yet infected", "non infecté", "sain",
    "infected_no",
)  # fmt: skip
SILENT = (
    "0", "1", "07", "class_0", "yes", "masks", "unknown", "cell_images", "malaria_dataset", "infected_vs_uninfected",
    "positive and negative", "maybe infected", "not sure infected", "non-falciparum", "no-vivax", "falciparum negative",
    "not_ring", "normalized", "cleaned", "red blood cell", "patient 12", "", "C101P62", "underinfected",
)  # fmt: skip


@pytest.mark.parametrize("name", INFECTED)
def test_names_that_say_parasitized(name: str) -> None:
    said = statement(name)
    assert said is not None and said.label == 1


@pytest.mark.parametrize("name", HEALTHY)
def test_names_that_say_uninfected(name: str) -> None:
    said = statement(name)
    assert said is not None and said.label == 0


@pytest.mark.parametrize("name", SILENT)
def test_names_that_say_nothing(name: str) -> None:
    assert statement(name) is None


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("0", "0"),
        ("00", "0"),
        ("1.0", "1"),
        ("class_01", "1"),
        ("Label 2", "2"),
        ("Yes", "yes"),
        ("C1", None),
        ("a0", None),
    ],
)
def test_numbers(name: str, number: str | None) -> None:
    assert number_in(name) == number


@pytest.mark.parametrize(
    ("infected", "healthy"),
    [
        ("malaria/sick", "malaria/clean"),
        ("malaria", "no-malaria"),
        ("Parasitized/0", "Uninfected/1"),  # shards, or patients
        ("0/Parasitized", "1/Uninfected"),
        ("fold_1/Parasitised/12", "fold_1/non-parasitised/12"),
        ("falciparum", "malaria-free"),
        ("Malaria/P_vivax/rings", "Malaria/healthy"),
        ("falciparum/infected", "falciparum/uninfected"),
        ("infected/falciparum", "uninfected/falciparum"),  # the species of the patient
    ],
)
def test_every_folder_on_the_path_has_a_say(infected: str, healthy: str, tmp_path: Path) -> None:
    names = [f"{folder}/{folder[0]}{number}.png" for folder in (infected, healthy) for number in range(4)]
    cells = scan(touch(tmp_path, *names))
    assert [int(label) for _, label in sorted(zip(cells.paths, cells.labels, strict=True))] == [
        int(path.startswith(f"{infected}/")) for path in sorted(names)
    ]


@pytest.mark.parametrize(
    ("folder", "others"),
    [
        ("malaria/clean", "no-malaria"),  # nothing else below malaria says what it is the name of
        ("Parasitized/healthy", "Uninfected"),
        ("Uninfected/sick", "Parasitized"),
        ("positive/train/not infected", "negative"),
        ("falciparum/clean", "vivax"),
    ],
)
def test_folders_that_contradict_each_other_are_refused_by_path(folder: str, others: str, tmp_path: Path) -> None:
    touch(tmp_path, f"{folder}/a.png", f"{others}/b.png")
    with pytest.raises(BadData, match=f"1 folder contradicts itself: in {folder} .* parasitized|uninfected"):
        scan(tmp_path)


@pytest.mark.parametrize(("zero", "one"), [("0", "1"), ("class_0", "class_1"), ("data/00", "data/01"), ("no", "yes")])
def test_numbers_alone_are_no_statement(zero: str, one: str, tmp_path: Path) -> None:
    touch(tmp_path, f"{zero}/a.png", f"{zero}/b.png", f"{zero}/c.png", f"{one}/d.png")
    first, second = number_in(Path(zero).name), number_in(Path(one).name)
    with pytest.raises(BadData) as caught:
        scan(tmp_path)
    for words in (f"{first} (3 images), {second} (1 image)", f"--parasitized {first} ", "Parasitized and Uninfected"):
        assert words in str(caught.value)
    assert scan(tmp_path, Reading(parasitized=(str(first),))).labels.tolist() == [1, 1, 1, 0]
    assert scan(tmp_path, Reading(parasitized=(str(second),))).labels.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("names", [("0/a.png", "1/b.png"), ("Parasitized/0/a.png", "Uninfected/1/b.png")])
def test_a_number_that_is_not_there_is_refused(names: tuple[str, ...], tmp_path: Path) -> None:
    touch(tmp_path, *names)
    with pytest.raises(WrongUsage, match=r"--parasitized 7: .* no such number"):
        scan(tmp_path, Reading(parasitized=("7",)))


def test_folders_that_say_nothing_are_named_with_their_images(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path, "Parasitized/a.png", "Uninfected/b.png", "masks/c.png", "masks/d.png", "3/e.png", "loose.png")
    with pytest.raises(BadData, match=r"4 images in folders .*: 3 \(1 image\), \. \(1 image\), masks \(2 images\)"):
        scan(tmp_path)
    cells = scan(tmp_path, Reading(ignore_folders=True))
    assert (len(cells), cells.ignored, cells.left_out["unlabelled"]) == (2, 0, 4)
    assert "masks (2 images); left out" in capfd.readouterr().err
