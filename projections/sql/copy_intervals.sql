COPY {intervals} (id, created, subject, valid_from, valid_to, occurred_from, occurred_to, ended_by, level, known_level, {names}) FROM STDIN
