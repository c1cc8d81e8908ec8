"""Reports: those that were made here, and whether a report still says what is stored."""

from edtech.ui import jobs
from edtech.ui.reports import archive
from edtech.ui.widgets import header, show_errors

header("Reports", "Download reports again, and verify them against stored data.")

jobs.follow()
with show_errors():
    archive.show_kept()
    archive.check_upload()
