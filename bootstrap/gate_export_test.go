package bootstrap

import "time"

// PauseAfter is how long a start waits after so many tries.
func PauseAfter(n int) time.Duration { return pauseAfter(n) }
