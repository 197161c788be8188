"""What a banner must say, whatever the world."""

from course_utils import environment, world


def check_banner(course: world.Course, *words: str) -> str:
    """What the banner owes its reader, whatever the world."""
    text = course.banner()
    assert course.why in text
    assert course.weights.title in text
    assert f"network input {course.size} x {course.size} pixels" in text
    assert environment.describe_device(course.device) in text
    assert "COURSE_DATA" in text
    assert text.startswith(f"Lesson {course.lesson:02d} runs in ")
    if course.world == "shapes":
        assert "not CIFAR-10" in text
    assert max(map(len, text.splitlines())) < 240  # paths may be long, sentences may not
    for word in words:
        assert word in text
    return text
