"""The report of a run: one file of HTML that needs neither network nor server, for any browser.

page.py assembles it; network.py embeds the trained weights, so that the page itself classifies
digits drawn on it. Its design is in templates/: HTML by Jinja2, CSS, JavaScript.
"""

from tinygrad_mnist.report.compare import render_comparison
from tinygrad_mnist.report.page import can_render, render_report
from tinygrad_mnist.report.run import RecordError, Run, read_record

__all__ = ["RecordError", "Run", "can_render", "read_record", "render_comparison", "render_report"]
