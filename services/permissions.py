"""What the settings allow the ready-made services to do: nothing dangerous unless it is named.

Jobs are defined by people who may not be those who run the server; so which programs may be
started, and whether requests may reach the server's own network, is decided in the settings, not in
a job.
"""

from msgspec import Struct


class Permissions(Struct, frozen=True, omit_defaults=True):
    """What was allowed; the default is to refuse."""

    commands: bool | tuple[str, ...] = False  # any command, or these paths
    private_addresses: bool = False  # for http.request
    redirects: bool = False  # for http.request, each checked as the first address is
