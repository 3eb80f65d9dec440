package daemon

import (
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"

	"keytrail/daemon/config"
)

// newLog makes the daemon's logger.
func newLog(w io.Writer, c config.Log) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("log level: %w", err)
	}
	if c.Format == "console" {
		w = console(w)
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}

// consoleLog is the logger of a command that ends by itself.
func consoleLog(p Process, level zerolog.Level) zerolog.Logger {
	return zerolog.New(console(p.Stderr)).Level(level).With().Timestamp().Logger()
}

func console(w io.Writer) zerolog.ConsoleWriter {
	return zerolog.ConsoleWriter{Out: w, NoColor: !isTerminal(w), TimeFormat: time.TimeOnly}
}
