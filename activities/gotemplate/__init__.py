"""Go's text/template, as far as queries need it: actions, pipelines, built-in functions.

Queries are written for Go (https://pkg.go.dev/text/template); no maintained Python library reads that language. Not
supported, and refused by name: `define`, `template`, `block`, `break`, `continue`, `call`, `slice`, `html`, `js`. Nor
are methods and character constants.
"""

from activities.gotemplate.functions import FUNCTIONS, TemplateError
from activities.gotemplate.reader import Template

__all__ = ["FUNCTIONS", "Template", "TemplateError"]
