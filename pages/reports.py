"""List stored reports, and verify reports against stored data."""

from edtech.ui import jobs
from edtech.ui.reports import archive
from edtech.ui.widgets import header, show_errors

header("Reports", "Download reports again, and verify them against stored data.")

jobs.follow()
with show_errors():
    archive.show_archive()
    archive.verify_upload()
