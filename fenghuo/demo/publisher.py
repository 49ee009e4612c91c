"""The demo's sensors: each sends its reading when it is due, by MQTT with QoS 1, to whichever broker the township has."""

import threading
import time
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import orjson
import paho.mqtt.client as paho

from fenghuo.demo.flood import START_HOUR, Flood, Moment
from fenghuo.demo.weather import measured
from foundation.secrets import secret
from foundation.settings import EVERYWHERE, LOOPBACK, Settings
from operations.broker import SENSOR_ACCOUNT
from operations.mapping import own_topic
from operations.mqtt import BrokerAddress

KEEP_ALIVE_S = 30
RECONNECT_MAX_S = 5
QUEUED_MAX = 500
"""Messages that wait for the broker; a real sensor would not remember more either."""


@dataclass(frozen=True)
class Publishing:
    """A sensor that reports every `period_s` seconds."""

    sensor: str
    site: str
    period_s: float
    decimals: int

    def value(self, at_ms: int, flood: Moment, zone: ZoneInfo) -> float:
        """What it shows at `at_ms` (epoch milliseconds), one digit finer than people read it."""
        return round(measured(self.sensor, at_ms, flood, zone), self.decimals + 1)


def broker_of(settings: Settings) -> BrokerAddress:
    """The broker that the worker reads from: the one outside, or the one inside it with the account that it asks for on a LAN."""
    if settings.mqtt_url:
        return BrokerAddress.of(settings.mqtt_url)
    host = LOOPBACK if settings.mqtt_host in EVERYWHERE else settings.mqtt_host
    return BrokerAddress(host, settings.mqtt_port, user=SENSOR_ACCOUNT, password=secret(settings.home, "mqtt"))


class Publisher:
    """All sensors of the demo, and the flood that they stand in: `speed` seconds of it in one second."""

    def __init__(
        self, broker: BrokerAddress, sensors: list[Publishing], flood: Flood, speed: float, zone: ZoneInfo
    ) -> None:
        self._broker = broker
        self._sensors = sensors
        self._flood = flood
        self._speed = speed
        self._zone = zone

    def run(self, stopping: threading.Event) -> None:
        """Send until told to stop; while the broker is away nothing is measured."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="fenghuo-demo", reconnect_on_failure=True)
        client.reconnect_delay_set(1, RECONNECT_MAX_S)
        client.max_queued_messages_set(QUEUED_MAX)
        self._broker.prepare(client)
        client.connect_async(self._broker.host, self._broker.port, keepalive=KEEP_ALIVE_S)
        client.loop_start()
        started_at, second = time.time(), 0
        while not stopping.wait(max(0.0, started_at + second - time.time())):
            if client.is_connected():
                self._send(client, second)
            second += 1
        client.disconnect()
        client.loop_stop()

    def _send(self, client: paho.Client, second: int) -> None:
        moment = self._flood.at(START_HOUR * 3600 + second * self._speed)
        at = int(time.time() * 1000)
        for number, each in enumerate(self._sensors):
            # Spread, so that not all slow sensors speak in the same second.
            if (second + number) % max(1, round(each.period_s)) == 0:
                reading = {"at": at, "value": each.value(at, moment, self._zone)}
                client.publish(own_topic(each.site, each.sensor), orjson.dumps(reading), qos=1)
