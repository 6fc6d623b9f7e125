"""What stands in for hardware in the test cloud: drivers of Nova, Octavia and Cinder, and their starters.

All of it runs inside the cloud's own virtual environment, never in kbootstrap's.
"""
