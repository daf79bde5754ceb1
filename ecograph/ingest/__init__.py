"""From any event table to an ecosystem: read, check, encode, reduce; nothing is lost in silence."""

from ecograph.ingest.read import check_events, read_events
from ecograph.ingest.report import IngestReport, SourceFacts

__all__ = ["IngestReport", "SourceFacts", "check_events", "read_events"]
