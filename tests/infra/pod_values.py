"""What the tests of pods send."""

KEY = "rpa_0123456789"
PASSWORD = 'admin:it"s ${a} \\secret'
A40, A6000 = "NVIDIA A40", "NVIDIA RTX A6000"
