"""The recorder suites that the eventsourcing library ships, on the log's recorders."""

from __future__ import annotations

from typing import Any

import pytest
from eventsourcing.persistence import AggregateRecorder, TrackingRecorder
from eventsourcing.postgres import PostgresAggregateRecorder, PostgresDatastore
from eventsourcing.tests import persistence as suites
from eventsourcing.utils import Environment
from psycopg import Cursor
from psycopg.conninfo import conninfo_to_dict

from aetherius.event_store import recorder
from aetherius.event_store.recorder import CheckpointRecorder, LogFactory, LogRecorder


class OnPostgres:
    """A database for each test."""

    @pytest.fixture(autouse=True)
    def _database(self, dsn: str) -> None:
        self.connect = {key: str(value) for key, value in conninfo_to_dict(dsn).items()}

    def a_datastore(self) -> PostgresDatastore:
        names = ("dbname", "host", "port", "user", "password")
        datastore = PostgresDatastore(*(self.connect[name] for name in names), pool_size=4, max_overflow=12)
        self.addCleanup(datastore.close)  # type: ignore[attr-defined]  # mixed into a TestCase
        return datastore

    def create_recorder(self) -> LogRecorder:
        recorder = LogRecorder(self.a_datastore())
        recorder.create_table()
        return recorder


class TestApplicationRecorder(OnPostgres, suites.ApplicationRecorderTestCase[LogRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestProcessRecorder(OnPostgres, suites.ProcessRecorderTestCase):
    pass


class PartitionedRecorder(LogRecorder):
    """Its table is partitioned by id, as `observed` is."""

    def _create_table(self, curs: Cursor[Any]) -> None:
        self._migrate(curs, observed=self.events_table_name)
        for name, bounds in (("low", "(MINVALUE) TO ('8%s')"), ("high", "('8%s') TO (MAXVALUE)")):
            curs.execute(
                f"CREATE TABLE IF NOT EXISTS {self.events_table_name}_{name} PARTITION OF {self.events_table_name} "
                f"FOR VALUES FROM {bounds % '0000000-0000-0000-0000-000000000000'}"
            )


class TestProcessRecorderOnPartitions(OnPostgres, suites.ProcessRecorderTestCase):
    def create_recorder(self) -> LogRecorder:
        recorder = PartitionedRecorder(self.a_datastore())
        recorder.create_table()
        return recorder


class TestApplicationRecorderOnPartitions(TestProcessRecorderOnPartitions, TestApplicationRecorder):
    pass


class TestNonInterleavingPositions(OnPostgres, suites.NonInterleavingNotificationIDsBaseCase):
    pass


class TestTrackingRecorder(OnPostgres, suites.TrackingRecorderTestCase):
    def create_recorder(self) -> CheckpointRecorder:  # type: ignore[override]  # of the mixin
        recorder = CheckpointRecorder(self.a_datastore())
        recorder.create_table()
        return recorder


class TestTrackingOfAProcessRecorder(OnPostgres, suites.TrackingRecorderTestCase):
    pass


class FactoryProbe(CheckpointRecorder):
    """A subclass that the factory is asked to build."""


class TestFactory(OnPostgres, suites.InfrastructureFactoryTestCase[LogFactory]):
    def setUp(self) -> None:
        self.env = Environment("TestCase")
        self.env[LogFactory.PERSISTENCE_MODULE] = recorder.__name__
        for name, value in self.connect.items():
            self.env[f"POSTGRES_{name.upper()}"] = value
        super().setUp()

    def expected_factory_class(self) -> type[LogFactory]:
        return LogFactory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return PostgresAggregateRecorder

    def expected_application_recorder_class(self) -> type[LogRecorder]:
        return LogRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return CheckpointRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return FactoryProbe

    def expected_process_recorder_class(self) -> type[LogRecorder]:
        return LogRecorder
