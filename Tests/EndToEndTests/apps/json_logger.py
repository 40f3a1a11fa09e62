# SPDX-License-Identifier: Apache-2.0
"""A logger class for gunicorn that writes JSON, as many deployments have one."""

import json
import logging

from gunicorn.glogging import Logger


class JSONFormatter(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"timestamp": self.formatTime(record), "level": record.levelname, "body": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class JSONLogger(Logger):
    """gunicorn's own logger with that formatter."""

    def setup(self, cfg) -> None:
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(JSONFormatter())
