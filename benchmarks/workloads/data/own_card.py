"""Data cards of one's own: a TOML file in the form of those in datasets/, and the folder or file that it names.

    name = "leaves"
    kind = "images"                 # or "text", or "corpus": one long text
    folder = "leaves"               # from where the card lies: train/CLASS/*.png and test/CLASS/*.png
    shape = [3, 32, 32]             # channels, height, width; other images are scaled and cut to it; none of a text
    mean = "measured"               # or a number per channel, and std likewise
    std = "measured"
    source = "photographs of our own"
    licence = "CC BY 4.0"

Further: title, classes and sha256 (compared with what is found), held_out, and [augmentation]. In place of a folder,
`file`: images as an .npz, a corpus's text, or a table of texts, whose columns `text` and `label` name (and
test_file, if there is one). Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from benchmarks.errors import UserError, check_printable
from benchmarks.workloads.data.cards import Augmentation, DataCard, OwnData, names
from methods.errors import unknown
from results import reading

_FILE_BYTES = 2**20
Channels = tuple[float, ...] | Literal["measured"]


class OwnCardFile(BaseModel):
    """The fields of a user's data card, validated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    kind: Literal["images", "text", "corpus"]
    folder: str = ""
    file: str = ""
    test_file: str = ""
    text: str = ""
    label: str = ""
    source: str
    licence: str
    title: str = ""
    shape: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = ()
    classes: int | None = None
    mean: Channels = "measured"
    std: Channels = "measured"
    held_out: Annotated[float | None, Field(gt=0, lt=1)] = None
    sha256: str | None = None
    augmentation: Augmentation = Augmentation()

    @field_validator("title", "source", "licence", "folder", "file", "test_file", "text", "label")
    @classmethod
    def _printable(cls, text: str) -> str:
        return check_printable(text)

    @model_validator(mode="after")
    def _shape(self) -> OwnCardFile:
        if self.kind == "images" and (len(self.shape) != 3 or self.shape[0] not in (1, 3)):
            raise ValueError("shape must be [channels, height, width] of images, with 1 channel (grey) or 3")
        if self.kind != "images" and self.shape:
            raise ValueError("a text has no shape: leave it out")
        if bool(self.file) == bool(self.folder):
            raise ValueError('name a folder, as in folder = "mine", or a file, as in file = "mine.txt"')
        if self.kind == "images" and self.held_out is not None and self.file:
            raise ValueError("held_out is for a folder of images: arrays have x_test and y_test; leave it out")
        table = self.kind == "text" and bool(self.file or self.text)
        if bool(self.text) != table or bool(self.label) != table:
            raise ValueError('of a table of texts name both columns, as in text = "review" and label = "stars"')
        if self.test_file and not (table and self.file):
            raise ValueError("test_file stands beside the file of a table of texts: leave it out")
        if self.augmentation.resized_crop:
            raise ValueError("augmentation.resized_crop is for ImageNet's folder alone: leave it out")
        return self


def load(path: Path) -> DataCard:
    """Returns the card of a file, after reading its data once. Raises UserError where either is invalid."""
    file = path.expanduser().resolve()
    fields = _parse_file(file)
    if fields.name in names():
        raise UserError(f"{file.name}: the name {fields.name} is taken by a data set of the suite: give it another.")
    data = OwnData(
        file,
        (file.parent / (fields.folder or fields.file)).resolve(),
        fields.held_out,
        (fields.text, fields.label) if fields.text else None,
        (file.parent / fields.test_file).resolve() if fields.test_file else None,
    )
    measured = {"images": _of_images, "text": _of_texts, "corpus": _of_corpus}[fields.kind](fields, data)
    for key, stated, value in (
        ("classes", fields.classes, measured["classes"]),
        ("sha256", fields.sha256, measured["fingerprint"]),
    ):
        if stated is not None and stated != value:
            raise UserError(f"{file.name}: {key} is {stated} in the card, and {value} in {data.place}: correct it.")
    title = fields.title or fields.name
    try:
        return DataCard(
            name=fields.name,
            title=title,
            family="",
            label=f"{title}: {_describe(fields, measured)} ({file.name}): not the paper's data",
            shape=fields.shape,
            augmentation=fields.augmentation,
            source=fields.source,
            licence=fields.licence,
            obtain=f"see {file.name}",
            download=None,
            kind=fields.kind,
            own=data,
            **measured,
        )
    except ValueError as error:
        raise UserError(f"{file.name}: {error}.") from error


def _describe(fields: OwnCardFile, measured: Mapping[str, Any]) -> str:
    """Returns the numbers of classes and samples, and the beginning of the fingerprint."""
    size = "x".join(map(str, fields.shape))
    unit = {"images": f"images of {size} pixels", "text": "texts", "corpus": "characters"}[fields.kind]
    count = measured["classes"]
    classes = f"{count:,} {'class' if count == 1 else 'classes'}, " if count else ""
    if measured.get("floats"):
        classes = "targets that are numbers, "
    samples = f"{measured['train_samples']:,} training and {measured['test_samples']:,} test {unit}"
    return f"{classes}{samples}, sha256 {measured['fingerprint'][:12]}"


def _parse_file(file: Path) -> OwnCardFile:
    try:
        values = reading.parsed_toml(reading.content(file, _FILE_BYTES).decode("utf-8"))
        if strange := next((key for key in values if key not in OwnCardFile.model_fields), None):
            raise UserError(f"{file.name}: {unknown('field of a data card', strange, OwnCardFile.model_fields)}")
        return OwnCardFile.model_validate(values)
    except FileNotFoundError:
        raise UserError(f"There is no file {file}: --data-card takes the path of a TOML file.") from None
    except ValidationError as error:
        wrong = error.errors()[0]
        field = ".".join(map(str, wrong["loc"]))
        raise UserError(
            f"{file.name}: {field + ': ' if field else ''}{wrong['msg'].removeprefix('Value error, ')}."
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"The data card {file} cannot be read ({error}): mend it.") from error


def _of_images(fields: OwnCardFile, data: OwnData) -> dict[str, Any]:
    """Reads the images -> fields of their DataCard."""
    from benchmarks.workloads.data.images import own_images

    images = own_images.read(fields.name, data, (fields.shape[0], fields.shape[1], fields.shape[2]))
    mean, std = own_images.mean_and_std(images.train.images)
    return {
        "classes": images.classes,
        "train_samples": len(images.train.labels),
        "test_samples": len(images.test.labels),
        "fingerprint": images.sha256,
        "mean": mean if fields.mean == "measured" else fields.mean,
        "std": std if fields.std == "measured" else fields.std,
        "floats": images.train.labels.dtype.kind == "f",
    }


def _of_texts(fields: OwnCardFile, data: OwnData) -> dict[str, Any]:
    from benchmarks.workloads.data.text import own_texts
    from benchmarks.workloads.data.text.reviews import fingerprint

    classes, texts = own_texts.read(data)
    counts = {"train_samples": texts.train, "test_samples": len(texts.labels) - texts.train}
    return {"classes": classes, **counts, "fingerprint": fingerprint(texts), "mean": (), "std": ()}


def _of_corpus(fields: OwnCardFile, data: OwnData) -> dict[str, Any]:
    from benchmarks.workloads.data.text import corpus

    text = corpus.read_own(data)
    return {
        "classes": 0,
        "train_samples": len(text.train),
        "test_samples": len(text.test),
        "fingerprint": corpus.fingerprint(text),
        "mean": (),
        "std": (),
        "characters": corpus.characters(text),
    }
