"""What the end-to-end tests are made of: processes, a strict client, a scripted upstream, metrics."""
