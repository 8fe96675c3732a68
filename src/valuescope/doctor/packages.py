"""The packages that valuescope stands on: which versions it asks for, and which are installed.

All of it is read off the metadata of packages; none of them is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement

PROJECT = "valuescope"


@dataclass(frozen=True)
class Package:
    """A package that is asked for. `version`: the installed one, None where there is none; `needed`: such as `>=2.6`."""

    name: str
    version: str | None
    needed: str

    @property
    def fault(self) -> str | None:
        """What is wrong with it and how to mend it; None where nothing is."""
        mend = f"pip install '{self.name}{self.needed}'"
        if self.version is None:
            return f"{self.name} is not installed; {mend}"
        if not Requirement(f"{self.name}{self.needed}").specifier.contains(self.version, prereleases=True):
            return f"{self.name} is {self.version}, but {self.needed} is needed; {mend}"
        return None


@dataclass(frozen=True)
class Extra:
    """An extra of valuescope and the packages that it stands for."""

    name: str
    packages: tuple[Package, ...]

    @property
    def lacking(self) -> tuple[Package, ...]:
        """Those that are not installed, or not in a version that fits."""
        return tuple(package for package in self.packages if package.fault)

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f'pip install "{PROJECT}[{self.name}]"'


def installed_version(name: str) -> str | None:
    """The version of a package as its metadata has it; None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def declared() -> tuple[list[str], list[str]] | None:
    """The requirements and the names of the extras of the installed valuescope; None where it is not installed.

    That is so where the source alone is on Python's path.
    """
    try:
        own = metadata.metadata(PROJECT)
    except metadata.PackageNotFoundError:
        return None
    return own.get_all("Requires-Dist") or [], own.get_all("Provides-Extra") or []


def packages_of(
    requirements: Sequence[str],
    extra: str = "",
    version_of: Callable[[str], str | None] = installed_version,
) -> tuple[Package, ...]:
    """What an extra adds ("": what is always needed), of lines as `Requires-Dist` has them, in their order.

    A line whose marker is for another Python or system is left out; an extra of other extras holds their packages.
    """
    packages: dict[str, Package] = {}
    for line in requirements:
        requirement = Requirement(line)
        if not _is_for(requirement, extra) or (extra and _is_for(requirement, "")):
            continue
        if requirement.name == PROJECT:
            for other in sorted(requirement.extras):
                packages |= {
                    package.name: package for package in packages_of(requirements, other, version_of)
                }
        else:
            name = requirement.name
            packages.setdefault(name, Package(name, version_of(name), str(requirement.specifier)))
    return tuple(packages.values())


def _is_for(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})
