"""A mix to listen to, above its events."""

import html
import io

from yoho.figures.tables import PAGE
from yoho.files import data_uri

# Okabe and Ito's colours, as in the figures; black is the truth.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")

# Of the drawing of events: where time begins, and how wide it is, of 1000.
LEFT, WIDTH = 110, 880

# The line over the events follows the sound, and a click on them moves the sound there.
FOLLOW = """<script>
const [audio, svg, now] = ["audio", "svg", "#now"].map((name) => document.querySelector(name));
const left = {left}, width = {width}, duration = {duration};
const follow = () => now.setAttribute("transform", `translate(${{left + width * audio.currentTime / duration}} 0)`);
audio.addEventListener("timeupdate", follow);
svg.addEventListener("click", (event) => {{
  const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
  audio.currentTime = Math.min(Math.max((place - left) / width, 0), 1) * duration;
  follow();
}});
</script>"""


def mix_page(title, samples, sample_rate, rows, event_labels):
    """A mix to play, above its events; rows: {name: table of events}, the truth first."""
    import soundfile

    coded = io.BytesIO()
    soundfile.write(coded, samples, sample_rate, format="MP3", subtype="MPEG_LAYER_III")  # every browser plays it
    duration = len(samples) / sample_rate
    colours = dict(zip(rows, COLOURS * len(rows)))
    player = f'<audio controls src="{data_uri(coded.getvalue(), "audio/mpeg")}"></audio>'
    legend = [f'<span style="color: {colours[name]}">&#9632;</span> {html.escape(name)}' for name in rows]
    drawing = draw_events(rows, colours, event_labels, duration)
    follow = FOLLOW.format(left=LEFT, width=WIDTH, duration=duration)
    body = "\n".join([player, f"<p>{' &ensp; '.join(legend)}</p>", drawing, follow])
    return PAGE.format(title=html.escape(title), body=body)


def draw_events(rows, colours, event_labels, duration):
    """Events over time as SVG: a block for each class, in it a line for each of `rows`, {name: table of events}."""
    line, gap, parts = 9, 12, []
    block = len(rows) * line + gap
    bottom = len(event_labels) * block
    for number, event_label in enumerate(event_labels):
        top, name = number * block, html.escape(event_label)
        parts.append(f'<text x="{LEFT - 8}" y="{top + block / 2 + 3}" text-anchor="end">{name}</text>')
        parts.append(f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{block - 4}" fill="#f3f3f3"/>')
        for place, (who, events) in enumerate(rows.items()):
            for event in events[events["event_label"] == event_label].itertuples():
                x, width = (WIDTH * seconds / duration for seconds in (event.onset, event.offset - event.onset))
                shape = f'x="{LEFT + x:.1f}" y="{top + 5 + place * line}" width="{width:.1f}" height="{line - 2}"'
                told = f"{html.escape(who)}: {name}, {event.onset:.2f} to {event.offset:.2f} s"
                parts.append(f'<rect {shape} fill="{colours[who]}"><title>{told}</title></rect>')
    for second in range(0, int(duration) + 1, 10):
        x = LEFT + WIDTH * second / duration
        parts.append(f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{second} s</text>')
    parts.append(f'<line id="now" y2="{bottom}" stroke="#c00" transform="translate({LEFT} 0)"/>')
    return f'<svg viewBox="0 0 1000 {bottom + 20}" font-size="14">{"".join(parts)}</svg>'
