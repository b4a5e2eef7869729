"""Every bound of Horolog, in one place, each with its unit in its name and its reason beside it.

A refusal names the limit it met. Nothing here is a tuning knob for users; what users may set stands
in `tools.settings`.
"""

from datetime import timedelta

# -- what people type
NAME_CHARS_MAX = 200  # a job's name is read on a terminal line
SERVICE_CHARS_MAX = 128
EXPRESSION_CHARS_MAX = 256  # longer ones are generated, and wrong
EXPRESSIONS_MAX = 16  # of one schedule; each is reckoned apart
LABELS_MAX = 64
LABEL_CHARS_MAX = 200
TEXT_CHARS_MAX = 4_000  # description, owner, runbook, reason
WRITTEN_CHARS_MAX = 64  # an instant or a length of time; the longest sensible ones have about 35
LENGTHS_READ_MAX = 1_000  # lengths of time whose text is remembered; a file of jobs has a few
READERS_KEPT_MAX = 16  # how fields are read, by zone and instant; one request has one instant
DURATION_MAX = timedelta(days=36_525)  # a hundred years; beyond, instants leave the calendar
YEAR_MIN = 1970
YEAR_MAX = 2262  # nanoseconds since 1970 fit in 63 bits until then
RETRY_ATTEMPTS_MAX = 1_000
CATCH_UP_FIRES_MAX = 10_000  # upper bound of catch_up_limit
DEFINITION_BYTES_MAX = 60 * 1024  # fits in an event (EVENT_BYTES_MAX) with what stands around it
RUNS_MAX = 1_000_000_000  # upper bound of max_runs
QUEUE_MAX = 1_000  # upper bound of queue_limit: more wait for a day
FAILURES_IN_ROW_MAX = 1_000  # upper bound of pause_after_failures
EXCLUDED_RANGES_MAX = 1_000  # of days; each splits the windows that are decided
KEY_LIMIT_MAX = 10_000  # runs at once of one concurrency key, as many as there are slots
KEY_LIMIT_DEFAULT = 1  # of a key that the settings do not name
KEYS_NAMED_MAX = 1_000  # in one settings file
SKIPS_NAMED_MAX = 100  # fire times of one job that are to be passed over
RETRY_FACTOR_MAX = 1_000.0  # beyond, the second delay is the last
JSON_DEPTH_MAX = 32  # nesting of what people send; deeper is an attack or a loop
JSON_NUMBER_CHARS_MAX = 100  # digits of one whole number in JSON
DEFINITIONS_JUDGED_MAX = 10_000  # sound ones that are remembered; as many as one file applies
DEFINITION_KEPT_BYTES_MAX = 1024  # a larger one is judged each time; 10 MB in all
SCHEDULES_JUDGED_MAX = 10_000  # schedules whose problems are remembered, most have none
SETTINGS_BYTES_MAX = 1024 * 1024  # a settings file is written by hand
PATTERNS_MAX = 1_000  # files and modules named to load services from

# -- backfills and reruns
BACKFILL_OCCURRENCES_MAX = 10_000  # of one backfill; counted before anything is reckoned
BACKFILL_STRETCHES_MAX = 64  # revisions whose fire times one backfill follows; 60 KB in an event
BACKFILL_CONCURRENCY_MAX = 1_000  # open runs of one backfill
BACKFILL_PER_MINUTE_MAX = 60_000  # runs begun
BACKFILL_LOOK_MAX = 200  # occurrences looked at in one decision; each is one look into the log
BACKFILLS_MAX = 100  # that are not over, of all jobs
RERUNS_MAX = 1_000  # runs of one occurrence or call
JOBS_PER_BULK_MAX = 10_000  # changed by one command; as many as one manifest adds in a second
RUNS_PER_BULK_MAX = 1_000  # retried or replayed by one command
LIVE_STARTS_PAST_MAX = 10  # starts of live runs past one of a lower lane that waits

# -- content
INLINE_BYTES_MAX = 1_024  # larger inputs, results and tracebacks are content, by digest
INPUT_BYTES_MAX = 512 * 1024
RESULT_BYTES_MAX = 8 * 1024 * 1024
OUTPUT_BYTES_MAX = 64 * 1024  # of one attempt; head and tail are kept beyond
HEAD_CHARS = 300  # of a content, kept in the event that names it
ERROR_CHARS_MAX = 1_000  # of an error's message in an event
SALT_BYTES = 16  # before a private content: a guess at it cannot be confirmed by its digest
CONTENT_BYTES_MAX = RESULT_BYTES_MAX + SALT_BYTES  # of one content, the largest that we make
OUTPUT_KEPT = timedelta(days=30)  # unless the settings say otherwise
OUTPUT_KEPT_BYTES = 1024 * 1024 * 1024  # of all output together, likewise
DIGESTS_PER_EVENT_MAX = 900  # erased contents told by one event: 67 bytes each, in EVENT_BYTES_MAX
DIGESTS_PER_WISH_MAX = 4_500  # erased by one wish; each is looked up on the deciding thread
PURGE_ROWS_MAX = 1_000  # contents whose bytes go in one transaction
PURGE_BYTES = 8 * 1024 * 1024  # ... and no further one after so many bytes
PURGE_EVERY = timedelta(minutes=1)  # between two looks for content whose time is over
PURGE_PAUSE = timedelta(milliseconds=250)  # between two steps of one look: commits come first

# -- the log
EVENT_BYTES_MAX = 64 * 1024  # one event's body
EVENTS_PER_APPEND_MAX = 1_000  # one request is one transaction, never split
EVENTS_PER_COMMIT_MAX = 1_000  # one group commit; a longer one would delay its first waiter
BYTES_PER_COMMIT_MAX = 1024 * 1024
REQUESTS_WAITING_MAX = 10_000  # the writer's queue; beyond, the caller waits
KEY_CHARS_MAX = 200  # a request key
KEY_TYPED_CHARS_MAX = 128  # ... as typed: of many, each has it with its own stream behind it
PAGE_EVENTS_MAX = 5_000  # one page of a reader
CHECKPOINT_BYTES = 1024 * 1024  # of WAL frames between two passive checkpoints
CHECKPOINT_IDLE = timedelta(seconds=1)  # nothing waiting for so long: the WAL is emptied
WAL_BYTES_KEPT = 64 * 1024 * 1024  # the WAL file shrinks to this when it is reset
BYTES_WAITING_MAX = 64 * 1024 * 1024  # in the writer's queue, beside the number of requests
STREAM_CHARS_MAX = 300  # "fire/<time>/<id>" is 62; a name of a calendar may be longer
STREAMS_KEPT_MAX = 65_536  # streams written lately whose version is remembered, twice over
ENVELOPES_KEPT_MAX = 1_024  # decoded envelopes kept; those of one request are equal
READERS_MAX = 4  # connections that read the log at once, in one process
BUSY_WAIT = timedelta(seconds=5)  # for another program that holds the file's lock
OWNER_BYTES_MAX = 4_096  # of a lock file's text: a pid, a host, a time and a path
SOCKET_PATH_BYTES_MAX = 100  # the systems take 104 or 108, with the zero at the end
LOCK_TRIES_MAX = 5  # each is lost only to one who takes or drops the lock at that instant

# -- the executor
SLOTS_DEFAULT = 32  # attempts at once
SLOTS_MAX = 10_000
DUE_JOBS_PER_APPEND = 500  # a tick decides in such chunks; each is one append
FIRES_PER_DECISION_MAX = 500  # runs planned for one job in one decision; the rest in the next
STALE_ENTRIES_MAX = 1_000  # of a heap, beyond twice what lives, before it is built anew
CALLBACK_DEPTH_MAX = 10  # callbacks that follow on one another; more is a loop in disguise
STEPS_MAX = 1_000  # of one run; more belongs in several runs
STEP_NAME_CHARS_MAX = 200
STEPS_BYTES_MAX = 32 * 1024 * 1024  # of one run's results; each attempt begins with all of them
CRASHES_MAX = 3  # attempts of one run lost to crashes before it fails as a crash loop
SNAPSHOT_EVENTS = 100_000  # a tail this long asks for a snapshot
SNAPSHOT_EVERY = timedelta(seconds=30)
SNAPSHOT_PATIENCE = timedelta(seconds=10)  # for the log to become durable up to a snapshot
CLOCK_JUMP = timedelta(hours=1)  # a forward step beyond this rests the decisions
CLOCK_SETTLE = timedelta(seconds=60)  # ... until it has stood so long
RESUMPTIONS_KEPT_MAX = 16  # ends of pauses of everything; what is left of older ones goes with them
JUMPS_KEPT_MAX = 100  # of one such rest, recorded at its end
WISHES_WAITING_MAX = 10_000  # in the executor's mailbox; those of one request count as one
WISH_TRIES_MAX = 3  # of a wish whose append failed only behind another's failure

# -- views
PAGE_PAUSE = timedelta(milliseconds=250)  # between two pages while runs are due
GATHER_PAUSE = timedelta(milliseconds=20)  # after a short page: a trickle is not one commit each
VIEWS_RETRY_PAUSE = timedelta(seconds=1)  # after a page that could not be stored (a full disk)
VIEW_JOBS_KEPT_MAX = 10_000  # states held by the view of jobs; others are read from their rows
VIEW_RUNS_KEPT_MAX = 100_000  # open runs held by the view of runs, likewise
VIEW_NAMES_KEPT_MAX = 100_000  # job names held by the view of runs, likewise
DIFFERENCES_MAX = 100  # told of one verification; the first ones name the cause
ROWS_PER_LIST_MAX = 10_000  # one page of a list
ID_PREFIX_CHARS_MIN = 8  # of an id, to name a job or a run by
SUGGESTED_NAMES_MAX = 1_000  # names looked through for one that was meant

# -- fire times
SEARCH_YEARS = 50  # how far ahead a cron schedule is searched before "never fires"
FIRE_LIST_MAX = 256  # fire times kept ready per schedule
FIRE_LISTS_MAX = 50_000  # schedules whose list is kept
FIRES_KEPT_MAX = 400_000  # over all those lists: about 25 MB
FIRE_LIST_FIRST = 4  # fire times in a schedule's first list; it grows as they are used up
EXPRESSIONS_PARSED_MAX = 10_000  # parsed cron expressions kept, about 1 KB each
FIELDS_READ_MAX = 4_096  # texts of single cron fields kept understood; most schedules share them
DAY_RULES_MAX = 4_096  # (day fields, kind of month) whose matching days are kept; 28 kinds each
DAY_TIMES_MAX = (
    512  # lists of a day's times kept, at most 173 KB each (evenly spaced ones: nothing)
)
SCHEDULES_READ_MAX = 2_048  # cron schedules kept ready for reckoning
CLOCK_YEARS_MAX = 8_192  # (zone, year) whose clock changes are kept; 600 zones have about 13 each
ZONES_MAX = 1_024  # zones kept loaded; there are about 600
ZONE_CHARS_MAX = 64  # the longest zone name has 32
ZONE_LOOK = timedelta(minutes=1)  # how often a zone is looked for that a job needs and is not there
CLOCK_PROBE = timedelta(days=3)  # two clock changes of one zone are at least 4 days apart
CLOCK_JUMP_MADE_UP_MAX = timedelta(hours=3)  # a longer gap is a lost day, not summer time
SHOWN_FIRES_MAX = 10_000  # of one preview

# -- services
SERVICE_FILES_MAX = 1_000  # loaded at start; more is a glob that catches too much
SOURCE_BYTES_MAX = 4 * 1024 * 1024  # of one such file; it is handed to each child
DETAIL_BYTES_MAX = 64 * 1024  # a traceback; its two ends are kept beyond
END_GRACE = timedelta(seconds=5)  # to tidy up in, after a cancellation or SIGTERM
OUTCOMES_PER_REPORT_MAX = 500  # told at once; the executor's appends take that many
ANSWER_BYTES_MAX = RESULT_BYTES_MAX + 1024 * 1024  # what a child sends back: result and traceback
CALL_BYTES_MAX = SOURCE_BYTES_MAX + STEPS_BYTES_MAX + 1024 * 1024  # a child is sent; also input
REQUESTS_MAX = 2 * STEPS_MAX  # by one child: what it schedules is a job and a step
REPLY_BYTES_MAX = 64 * 1024  # to one of them
SUMMARY_CHARS_MAX = 200  # of a service, in lists: the first line of its docstring
KNOWN_SHOWN_MAX = 8  # names told to someone who asked for one that is unknown
STOP_PATIENCE = timedelta(seconds=2)  # for an attempt made to end, before it is given up
CHILDREN_PATIENCE = timedelta(seconds=5)  # for children of the last executor, at start
CLOCK_NOTED = timedelta(seconds=5)  # a smaller step of the wall clock is slew, not worth an event
IDLE_WAIT = timedelta(seconds=1)  # the longest the executor sleeps: a set clock is seen by then
STORAGE_RETRY = timedelta(seconds=1)  # between two tries while the disk is full
REQUESTS_IN_FLIGHT_MAX = 2  # of the executor: one being synced, one gathering behind it

# -- the HTTP interface
BODY_BYTES_MAX = 1024 * 1024  # of a request; a batch is split by it
HTTP_REDIRECTS_MAX = 5  # that http.request follows
HTTP_TIMEOUT_MAX = timedelta(hours=1)
LINE_BYTES_MAX = 64 * 1024  # one line of a command's output
HTTP_ANSWER_BYTES_MAX = 64 * 1024 * 1024  # of an answer, as the client reads it
BATCH_WISHES_MAX = 500  # in one request; answered together, so the first waits for the last
CONNECTIONS_MAX = 256  # at once on the socket; beyond, 503
SOCKET_BACKLOG = 128  # connections that wait to be taken
HTTP_STOP_PATIENCE = timedelta(seconds=5)  # for answers under way when the server stops
HEARTBEAT_MAX = timedelta(seconds=30)  # an executor that has not moved for so long is stuck
ANSWER_PATIENCE = timedelta(seconds=60)  # a commit takes milliseconds; a full disk is told at once
DECISION_PATIENCE = timedelta(seconds=50)  # for a wish's commit; shorter than the asker's
VIEWS_PATIENCE = timedelta(seconds=5)  # a write is answered when the views show it, or after this
OWNER_PATIENCE = timedelta(seconds=5)  # for another command to let go of the log
PAGE_ROWS_MAX = 1_000  # of one list over HTTP
PAGE_ROWS_DEFAULT = 100

# -- the command line
SHOWN_EVENTS_MAX = 1_000_000  # of one `log list`; they are printed as they are read
STREAMS_KNOWN_MAX = (
    10_000  # streams of calls and backfills whose job is remembered while a list is filtered
)
NAMING_SHOWN_MAX = 100  # events that name one content, of those that `content show` counts
SHOWN_ROWS_MAX = 1_000_000  # of one list of jobs, runs or misses; they are printed as they are read

# -- declared jobs
MANIFEST_BYTES_MAX = 64 * 1024 * 1024  # of one file; 10,000 jobs take about 1.5 MB
MANIFEST_JOBS_MAX = 100_000  # in one file
PROBLEMS_TOLD_MAX = 50  # of one file; the first ones name the cause of the others

# -- what the doctor looks at
DOCTOR_EVENTS = 10_000  # the newest ones, whose chain is followed; well under a second
DISK_FREE_BYTES_FEW = 1024 * 1024 * 1024  # less is worth a look
DISK_FREE_BYTES_MIN = 64 * 1024 * 1024  # less may not hold the next write-ahead log
VIEWS_BEHIND_FEW = 10_000  # events; a server that works is never so far behind
FORESEEN_FIRES = 100  # of each cron schedule, noted by a server that stops
FORESEEN_SCHEDULES_MAX = 2_000  # different ones; each takes about a millisecond of its stop

# -- memory of a server
GARBAGE_LOOK_AFTER = 50_000  # containers made and not gone; a look at so many takes 2 ms
GARBAGE_LOOKS_YOUNG = 20  # looks at the newest before one at those that were left by them

# -- hot reload
SERVICES_PER_EVENT_MAX = 200  # named by one event: name and digest take 200 bytes, 40 KB in all
FAILURES_PER_EVENT_MAX = 20  # ... and told by it, each by its first characters: 16 KB in all
FAILURE_CHARS_MAX = 200
CONNECTIONS_PER_EVENT_MAX = 50  # named by one event: name and host take at most 1 KB
LOOK_EVERY = timedelta(seconds=1)  # between two looks at the files of the services
LOAD_TURN = timedelta(milliseconds=250)  # a file that loads for longer no longer holds up the next
LOAD_PATIENCE = timedelta(seconds=10)  # what loads for longer is named, and waited for by nobody
LOADS_AT_ONCE_MAX = 8  # files that load for long, each on a thread nobody can end
SHARED_SWITCH = timedelta(milliseconds=1)  # between threads of a server, or beside a loading file
ATTEMPTS_PARKED_MAX = 10_000  # whose service may still be loading; as many as there are slots

# -- connections
CONNECTIONS_NAMED_MAX = 1_000  # in one settings file
CONNECTION_TIMEOUT_DEFAULT = timedelta(seconds=30)  # of one request, mail, command or statement
CONNECTION_TIMEOUT_MAX = timedelta(hours=24)
CONNECT_WAIT = timedelta(seconds=5)  # for a far end to take a connection; within the timeout
CLOSE_WAIT = timedelta(seconds=2)  # for the clients of one event loop to part in order
SHARED_CLIENT_MAX = 64  # connections one REST or Redis client holds at once; more wait their turn
SQL_CONNECTIONS_MAX = 8  # of one name at once, each with a thread; more wait their turn
SQL_ROWS_MAX = 100_000  # of one answer; more belong in a file, not in memory
ANSWER_BODY_BYTES_MAX = 64 * 1024 * 1024  # of an HTTP answer, unpacked
BODY_SHOWN_CHARS = 300  # of an HTTP answer that says why it refused
HEADERS_SET_MAX = 100  # of one connection
MAIL_BYTES_MAX = 32 * 1024 * 1024  # of one mail as sent; most servers take less
RECIPIENTS_MAX = 1_000  # of one mail
SECRET_CHARS_MIN = 4  # a shorter one cannot be told from ordinary text in what is kept
SECRET_BYTES_MAX = 64 * 1024  # a key or a certificate has a few thousand
SECRETS_KEPT_MAX = 1_000  # values remembered, to be told from other text; the oldest go first

# -- metrics and probes
SERIES_JOBS_MAX = 1_000  # jobs with series of their own; whoever scrapes pays for each, for ever
VIEW_TALLIES_KEPT_MAX = 10_000  # tallies held in memory, about 1 KB each; others are in their rows
REQUEST_PATIENCE = timedelta(seconds=10)  # for a request to arrive, once its connection is there

# -- what-if reckoning
SIMULATED_DECISIONS_MAX = 5_000_000  # of one simulation: minutes; a year of one job takes a hundred
SIMULATED_FIRES_MAX = 2_000_000  # asked for in one simulation: they are all held, 300 bytes each
SIMULATED_SKIPS_MAX = 10_000  # fire times of one skipped window that are listed
LEAP_FIRES_MAX = 10_000  # fire times that are given one answer, before the rules are asked again
OUTAGES_MAX = 1_000  # of one simulation

# -- the demo
DEMO_PATIENCE = timedelta(seconds=20)  # for a server or a command of the demo, on a busy machine
DEMO_LENGTH_MIN = timedelta(seconds=25)  # its story and the summary take about 22 s
DEMO_LENGTH_MAX = timedelta(minutes=10)
DEMO_OVERTIME = timedelta(seconds=30)  # for what is open at the end, before it counts as lost
DEMO_FIRES_MAX = 1_000  # of one job in one demo: ten minutes of its fastest are 300
