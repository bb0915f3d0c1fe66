"""Pages that open anywhere without a network: what all reports share."""

from __future__ import annotations


def render(package: str, **shown: object) -> str:
    """The page that `templates/report.html` of a package makes of what is shown.

    Args:
        package: dotted name of the package that holds the templates.
        shown: everything the template names; one that it names and that is not given is an error.
    """
    import jinja2

    loader = jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader(__package__)])
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("report.html").render(**shown)
