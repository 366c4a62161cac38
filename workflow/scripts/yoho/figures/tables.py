"""Tables of results as files, and pages for the report. Each page is one HTML file that needs only a browser."""

import html
from pathlib import Path

import pandas as pd

from yoho.events import read_table
from yoho.files import data_uri

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 1.5em; }}
h1 {{ font-size: 1.3em; }} h2 {{ font-size: 1.1em; margin-top: 1.6em; }} p {{ max-width: 50em; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 13px; margin: 1em 0; }}
th, td {{ padding: 3px 9px; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }}
th {{ border-bottom: 2px solid #888; }}
.data td {{ white-space: nowrap; }} td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
tr:nth-child(even) td {{ background: #f6f6f6; }}
pre {{ font-size: 12px; white-space: pre-wrap; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def write_results(path, rows, float_format=None, *, title=None):
    """Write a table of results to `path` (.csv) and, given a title, also as a page for the report, NAME.html beside it.

    rows: a DataFrame, or a list of {column: value}; float_format: how floats are written, for example "%.6f".
    """
    pd.DataFrame(rows).to_csv(path, index=False, float_format=float_format)
    if title is not None:
        Path(path).with_suffix(".html").write_text(table_page(title, path))


def table_page(title, path):
    """A .csv table as a page, from which the file can be downloaded."""
    table = read_table(path, sep=",")
    table = table[sorted(table.columns, key=lambda name: name == "run")]  # long names last
    heads = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in table.columns)
    rows = ("".join(cell(value) for value in row) for row in table.itertuples(index=False))
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    name, content = Path(path).name, data_uri(Path(path).read_bytes(), "text/csv")
    link = f'<p>Download this table: <a download="{name}" href="{content}">{name}</a></p>'
    body = f'<div class="wide data"><table>\n<tr>{heads}</tr>\n{body}\n</table></div>\n{link}'
    return PAGE.format(title=html.escape(title), body=body)


def cell(value):
    """A table cell in HTML: floats are shown with four significant digits, missing values as empty cells."""
    if isinstance(value, str):
        return f"<td>{html.escape(value)}</td>"
    if pd.isna(value):
        return "<td></td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    return f'<td class="number">{f"{value:.4g}" if isinstance(value, float) else f"{value:,}"}</td>'


def text_page(title, text):
    """Plain text as a page."""
    return PAGE.format(title=html.escape(title), body=f"<pre>{html.escape(text)}</pre>")


def markdown_page(text):
    """A Markdown text as a page. Its first line becomes the title."""
    from markdown_it import MarkdownIt

    title, _, rest = text.partition("\n")
    body = MarkdownIt().enable("table").render(rest)
    return PAGE.format(title=html.escape(title.lstrip("# ").replace("`", "")), body=f'<div class="wide">{body}</div>')
