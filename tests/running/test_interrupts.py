"""Signals at a moment when they would leave the outcome open."""

import signal

import pytest

from migration_guard.running.interrupts import defer_signals, keep_handlers, stop_on_signal


def test_deferred_when_one_signal_comes_then_it_waits_for_the_end():
    done = []

    def work():
        signal.raise_signal(signal.SIGINT)
        done.append("the commit")

    with pytest.raises(KeyboardInterrupt), defer_signals():
        work()

    assert done == ["the commit"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_deferred_when_a_second_signal_comes_then_it_gets_through():
    done = []

    def work():
        signal.raise_signal(signal.SIGINT)
        done.append("the first is held back")
        signal.raise_signal(signal.SIGINT)
        done.append("never")

    with pytest.raises(KeyboardInterrupt), defer_signals():
        work()

    assert done == ["the first is held back"]


def test_deferred_when_the_handlers_stand_already_then_each_block_holds_one_signal_back():
    done = []

    def work(number):
        signal.raise_signal(signal.SIGINT)
        done.append(number)

    with keep_handlers():
        for number in range(2):
            with pytest.raises(KeyboardInterrupt), defer_signals(), defer_signals():
                work(number)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    assert done == [0, 1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_breaking_when_it_is_interrupted_then_the_driver_is_stopped():
    stopped = []

    with pytest.raises(KeyboardInterrupt), stop_on_signal(lambda: stopped.append(1)):
        signal.raise_signal(signal.SIGINT)

    assert stopped == [1]


def test_breaking_when_the_signal_is_another_then_the_driver_goes_on():
    stopped, handled = [], []
    before = signal.signal(signal.SIGUSR1, lambda *_: handled.append(1))

    try:
        with stop_on_signal(lambda: stopped.append(1)):
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert (stopped, handled) == ([], [1])
