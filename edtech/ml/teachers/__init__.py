"""The family `teacher_quality`: effects and ranks of teachers, with their uncertainty."""
