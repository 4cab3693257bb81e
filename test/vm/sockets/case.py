# SPDX-License-Identifier: Apache-2.0
import unittest

import mesh

module = None
endpoints = None
steering = None


class Case(unittest.TestCase):
    """After each test the module holds nothing, and no request is left published."""

    def setUp(self):
        self.before = module.counters()

    def tearDown(self):
        for held in ('deferred', 'armed'):
            mesh.until(lambda: module.counter(held) == 0, f'nothing is {held}')
        self.assertRegex(steering.ask('seen'), 'left 0$')

    def counted(self, **wanted):
        """The counters have risen by this since the test began; those that are not named have not."""
        ignored = ('deferred', 'armed', 'takeovers')
        now = module.counters()
        risen = {name: now[name] - self.before[name] for name in now if name not in ignored and now[name] != self.before[name]}
        self.assertEqual(risen, wanted)
