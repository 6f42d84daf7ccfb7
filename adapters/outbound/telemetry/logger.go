package telemetry

import (
	"fmt"
	"os"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel"
	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// newLogger makes the logger of the service: every entry is one line, whatever
// text came from outside, and none is left out.
func newLogger(cfg Config) (*zap.Logger, error) {
	level, err := parseLevel(cfg.LogLevel)
	if err != nil {
		return nil, err
	}
	encoder, err := newEncoder(cfg)
	if err != nil {
		return nil, err
	}
	writer := cfg.LogWriter
	if writer == nil {
		writer = os.Stdout
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(writer), level)
	return zap.New(core, zap.ErrorOutput(zapcore.Lock(os.Stderr))), nil
}

func parseLevel(name string) (zapcore.Level, error) {
	switch name {
	case "debug":
		return zapcore.DebugLevel, nil
	case "", "info":
		return zapcore.InfoLevel, nil
	case "warn":
		return zapcore.WarnLevel, nil
	case "error":
		return zapcore.ErrorLevel, nil
	default:
		return 0, fmt.Errorf("log level %q: want debug, info, warn or error", name)
	}
}

func newEncoder(cfg Config) (zapcore.Encoder, error) {
	keys := zapcore.EncoderConfig{
		TimeKey: "ts", LevelKey: "level", NameKey: "logger", MessageKey: "msg",
		LineEnding:     zapcore.DefaultLineEnding,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeTime:     encodeTime,
		EncodeDuration: zapcore.SecondsDurationEncoder,
		EncodeName:     zapcore.FullNameEncoder,
	}
	format := cfg.LogFormat
	if format == "" && cfg.Environment == "development" {
		format = "console"
	}
	switch format {
	case "", "json":
		return zapcore.NewJSONEncoder(keys), nil
	case "console":
		return oneLine{zapcore.NewConsoleEncoder(keys)}, nil
	default:
		return nil, fmt.Errorf("log format %q: want json or console", format)
	}
}

// encodeTime writes ISO 8601 in UTC, to the microsecond.
func encodeTime(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
	enc.AppendString(t.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// oneLine escapes what could forge a line or move the cursor of a terminal: zap's
// console form writes messages as they are (CWE-117). Its JSON form needs no help.
type oneLine struct{ zapcore.Encoder }

func (e oneLine) Clone() zapcore.Encoder { return oneLine{e.Encoder.Clone()} }

func (e oneLine) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line, err := e.Encoder.EncodeEntry(entry, fields)
	if err != nil {
		return nil, err
	}
	end := len(line.Bytes()) - len(zapcore.DefaultLineEnding)
	raw := string(line.Bytes()[:end])
	line.Reset()
	line.AppendString(escape(raw))
	line.AppendString(zapcore.DefaultLineEnding)
	return line, nil
}

// escape replaces everything that does not print, but for tabs, by its Go escape.
func escape(s string) string {
	escaped := make([]byte, 0, len(s))
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			escaped = fmt.Appendf(escaped, `\x%02x`, s[i])
		case r == '\t' || unicode.IsPrint(r):
			escaped = append(escaped, s[i:i+size]...)
		default:
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		}
	}
	return string(escaped)
}

// errorHandler logs the faults of OpenTelemetry itself, such as a collector that
// does not answer: at most one a minute, since each export may bring one.
func errorHandler(logger *zap.Logger) otel.ErrorHandler {
	limited := logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, 1, 0)
	}))
	return otel.ErrorHandlerFunc(func(err error) {
		limited.Warn("telemetry is not complete", zap.Error(err))
	})
}
