"""Redis: the client of redis-py, with errors that say which connection failed and why.

It is that client, so every command it knows is there. Its own retries are off: a command that was
sent may have been carried out, so whether to send it again is the job's decision and not a
library's. The password is read again for each new connection of its pool.
"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import certifi
from redis.asyncio import BlockingConnectionPool, Connection, SSLConnection
from redis.asyncio import Redis as Client
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, AuthorizationError
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

from scheduler.model.limits import CONNECT_WAIT, SHARED_CLIENT_MAX
from services.connections.errors import ConnectionFailed, cause_of, timed_out
from services.connections.kinds import RedisConnection, title
from services.connections.secrets import Secrets
