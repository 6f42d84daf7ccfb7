package telemetry_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"go.opentelemetry.io/otel"
	"go.uber.org/zap"

	"authserve/adapters/outbound/telemetry"
)

// startLogger makes a Telemetry and returns what it logs.
func startLogger(tb testing.TB, cfg telemetry.Config) (*telemetry.Telemetry, *logBuffer) {
	tb.Helper()
	out := &logBuffer{}
	cfg.LogWriter = out
	tel, err := telemetry.New(tb.Context(), cfg)
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	return tel, out
}

//nolint:paralleltest // New sets the process's error handler, which another test looks at
func TestJSONLog(t *testing.T) {
	tel, out := startLogger(t, telemetry.Config{Environment: "production"})
	tel.Logger.Debug("not at this level")
	tel.Logger.Info("listening", zap.String("http_addr", "127.0.0.1:8080"))
	var line map[string]string
	if err := json.Unmarshal([]byte(out.String()), &line); err != nil {
		t.Fatalf("log is not one JSON line: %v\n%s", err, out)
	}
	if ts := line["ts"]; !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`).MatchString(ts) {
		t.Errorf("ts = %q, want ISO 8601 in UTC with microseconds", ts)
	}
	delete(line, "ts")
	for key, want := range map[string]string{"level": "info", "msg": "listening", "http_addr": "127.0.0.1:8080"} {
		if line[key] != want {
			t.Errorf("%s = %q, want %q", key, line[key], want)
		}
		delete(line, key)
	}
	if len(line) != 0 {
		t.Errorf("more fields than expected: %v", line)
	}
}

//nolint:paralleltest // New sets the process's error handler, which another test looks at
func TestLogLevelAndFormat(t *testing.T) {
	for name, c := range map[string]struct {
		config telemetry.Config
		lines  int
		json   bool
	}{
		"production":             {telemetry.Config{Environment: "production"}, 3, true},
		"development":            {telemetry.Config{Environment: "development"}, 3, false},
		"development, JSON":      {telemetry.Config{Environment: "development", LogFormat: "json"}, 3, true},
		"production, console":    {telemetry.Config{Environment: "production", LogFormat: "console"}, 3, false},
		"debug":                  {telemetry.Config{LogLevel: "debug"}, 4, true},
		"info":                   {telemetry.Config{LogLevel: "info"}, 3, true},
		"warn":                   {telemetry.Config{LogLevel: "warn"}, 2, true},
		"error":                  {telemetry.Config{LogLevel: "error"}, 1, true},
		"nothing is sampled out": {telemetry.Config{LogLevel: "debug"}, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			tel, out := startLogger(t, c.config)
			tel.Logger.Debug("d")
			tel.Logger.Info("i")
			tel.Logger.Warn("w")
			tel.Logger.Error("e")
			if got := strings.Count(out.String(), "\n"); got != c.lines {
				t.Errorf("%d lines, want %d:\n%s", got, c.lines, out)
			}
			if got := strings.HasPrefix(out.String(), "{"); got != c.json {
				t.Errorf("JSON = %t, want %t:\n%s", got, c.json, out)
			}
		})
	}
}

//nolint:paralleltest // New sets the process's error handler, which another test looks at
func TestEveryEntryIsLogged(t *testing.T) {
	tel, out := startLogger(t, telemetry.Config{})
	for range 1000 {
		tel.Logger.Info("the same")
	}
	if got := strings.Count(out.String(), "\n"); got != 1000 {
		t.Errorf("%d lines, want 1000: requests must not be sampled out", got)
	}
}

func FuzzLogForging(f *testing.F) {
	for _, seed := range []string{
		"plain", "two\nlines", "\r\n2026-01-01T00:00:00.000000Z\tinfo\tforged", "\x1b[2J\x1b]0;title\a", "\u2028\u2029\u0085\u009b31m", "\u202egnp.exe", "\xff\xfe", "\\u000a",
	} {
		f.Add(seed)
	}
	console, consoleOut := startLogger(f, telemetry.Config{LogFormat: "console"})
	structured, jsonOut := startLogger(f, telemetry.Config{LogFormat: "json"})
	f.Fuzz(func(t *testing.T, text string) {
		for name, log := range map[string]struct {
			tel *telemetry.Telemetry
			out *logBuffer
		}{"console": {console, consoleOut}, "json": {structured, jsonOut}} {
			log.tel.Logger.Named(text).With(zap.String("with", text)).Info(text, zap.String("field", text), zap.Error(errors.New(text)))
			line := log.out.take()
			body, ended := strings.CutSuffix(line, "\n")
			if !ended {
				t.Fatalf("%s: entry without its end: %q", name, line)
			}
			for _, r := range body {
				if unicode.IsControl(r) && r != '\t' && (name == "console" || r < ' ') {
					t.Errorf("%s: control character %U in %q", name, r, line)
				}
			}
		}
	})
}

//nolint:paralleltest // the error handler is one per process
func TestFaultsOfOpenTelemetryAreLoggedButNotEachOne(t *testing.T) {
	_, out := startLogger(t, telemetry.Config{})
	for range 1000 {
		otel.Handle(errors.New("collector is down"))
	}
	if got := strings.Count(out.String(), "collector is down"); got != 1 {
		t.Errorf("logged %d times, want once a minute:\n%s", got, out)
	}
}
