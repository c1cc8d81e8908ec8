"""The family `teacher_quality`: how good teachers are, and how sure their ranks are."""
