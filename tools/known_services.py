"""Services as they are told: by the server over HTTP, and by a command that loads them itself."""

from services.loading import Loaded
from services.registry import Service


def told_services(loaded: Loaded) -> dict[str, object]:
    """Return what was loaded, by name, what was not, and what is still loading."""
    services = sorted(loaded.registry, key=lambda one: one.name)
    return {
        "services": [told_service(one) for one in services],
        "failures": [str(failure) for failure in loaded.failures],
        "pending": list(loaded.pending),
    }


def told_service(service: Service) -> dict[str, object]:
    """Return one service."""
    return {
        "service": service.name,
        "summary": service.summary,
        "kind": "async" if service.is_async else "plain",
        "file": service.file,
        "line": service.line,
        "code": service.code,
    }
