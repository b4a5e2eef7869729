"""The public face of Horolog: re-exports what users import, defines nothing."""

from scheduler.model.in_code import cron, every, once
from services.context import Context
from services.outcomes import Fatal, RetryAfter
from services.registry import service

__all__ = ["Context", "Fatal", "RetryAfter", "cron", "every", "once", "service"]
