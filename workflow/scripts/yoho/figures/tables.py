"""Pages for the report: a table or a text. Each is one HTML file that needs nothing but a browser."""

import html
from pathlib import Path

import pandas as pd

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
audio {{ width: 100%; }} svg {{ width: 100%; cursor: pointer; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def table_page(title, path):
    """A .csv table as a page, with the file itself to keep."""
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    table = table[sorted(table.columns, key=lambda name: name == "run")]  # long names last
    heads = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in table.columns)
    rows = ("".join(cell(value) for value in row) for row in table.itertuples(index=False))
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    name, content = Path(path).name, data_uri(Path(path).read_bytes(), "text/csv")
    link = f'<p>The same as a file: <a download="{name}" href="{content}">{name}</a></p>'
    body = f'<div class="wide data"><table>\n<tr>{heads}</tr>\n{body}\n</table></div>\n{link}'
    return PAGE.format(title=html.escape(title), body=body)


def cell(value):
    """A cell of a table: numbers with four digits, nothing where there is none."""
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
    """A text in Markdown as a page; its first line is the title."""
    from markdown_it import MarkdownIt

    title, _, rest = text.partition("\n")
    body = MarkdownIt().enable("table").render(rest)
    return PAGE.format(title=html.escape(title.lstrip("# ").replace("`", "")), body=f'<div class="wide">{body}</div>')
