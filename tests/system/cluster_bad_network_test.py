#!/usr/bin/python3
"""Three agents that form a cluster, on a network that loses packets or is slow, while clients write.

At the end of each test what was acknowledged is there, on all three, and DNS on every agent agrees.
"""

import unittest

import machines
from three_machines import ThreeMachines


class BadNetwork(ThreeMachines):
    def test_one_packet_in_ten_is_lost(self):
        with self.load() as load:
            for machine in self.switch.machines:
                machine.lose(10)
            self.wait_for_writes(load, 300, 60)
            self.heal()

    def test_every_packet_takes_a_fifth_of_a_second(self):
        with self.load() as load:
            for machine in self.switch.machines:
                machine.delay(0.1)
            self.wait_for_writes(load, 30, 60)
            self.heal()


if __name__ == "__main__":
    machines.enter()
    unittest.main()
