package ops

import (
	"net/http"
	"time"

	"authserve/ports"
)

type breakersBody struct {
	Items []breakerBody `json:"items"`
}

type breakerBody struct {
	Name     string              `json:"name"`
	State    ports.BreakerState  `json:"state"`
	Since    *time.Time          `json:"since"` // null: since the process started
	InFlight int                 `json:"in_flight"`
	Counts   breakerCountsBody   `json:"counts"`
	Settings breakerSettingsBody `json:"settings"`
}

type breakerCountsBody struct {
	Success  uint64 `json:"success"`
	Failure  uint64 `json:"failure"`
	Timeout  uint64 `json:"timeout"`
	Refused  uint64 `json:"refused"`
	Rejected uint64 `json:"rejected"`
	Canceled uint64 `json:"canceled"`
}

type breakerSettingsBody struct {
	TimeoutMS     int64 `json:"timeout_ms"`
	MaxConcurrent int   `json:"max_concurrent"`
	RequestVolume int   `json:"request_volume"`
	ErrorPercent  int   `json:"error_percent"`
	SleepWindowMS int64 `json:"sleep_window_ms"`
}

// circuitBreakers lists the circuit breakers. Watching them changes nothing.
func circuitBreakers(breakers ports.Breakers) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		body := breakersBody{Items: []breakerBody{}}
		for _, b := range breakers.Breakers() {
			item := breakerBody{
				Name: b.Name, State: b.State, InFlight: b.InFlight,
				Counts: breakerCountsBody(b.Counts),
				Settings: breakerSettingsBody{
					TimeoutMS: b.Settings.Timeout.Milliseconds(), MaxConcurrent: b.Settings.MaxConcurrent,
					RequestVolume: b.Settings.RequestVolume, ErrorPercent: b.Settings.ErrorPercent,
					SleepWindowMS: b.Settings.SleepWindow.Milliseconds(),
				},
			}
			if !b.Since.IsZero() {
				item.Since = &b.Since
			}
			body.Items = append(body.Items, item)
		}
		writeJSON(w, http.StatusOK, "application/json", body)
	}
}
