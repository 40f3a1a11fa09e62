"""An exposition in the text format 0.0.4, as samples that can be summed."""

import re
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Sample:
    """One line of the exposition."""

    name: str
    labels: dict[str, str]
    value: float


class Exposition:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [
            Sample(sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        self.helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))

    def all(self, name: str, **labels: str) -> list[Sample]:
        """The samples of that name that carry at least these labels."""
        return [
            sample
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def sum(self, name: str, **labels: str) -> float:
        """The sum of those samples; a name that is not there at all is an error."""
        assert any(sample.name == name for sample in self.samples), f"no sample {name}"
        return sum(sample.value for sample in self.all(name, **labels))

    def value(self, name: str, **labels: str) -> float:
        """The only sample with exactly these labels."""
        found = [sample for sample in self.all(name) if sample.labels == labels]
        assert len(found) == 1, f"{len(found)} samples {name}{labels}"
        return found[0].value

    def by(self, name: str, label: str) -> dict[str, float]:
        """The sums of a family by one label, without those that are 0."""
        sums: dict[str, float] = {}
        for sample in self.all(name):
            if sample.value:
                key = sample.labels[label]
                sums[key] = sums.get(key, 0) + sample.value
        return sums
