# SPDX-License-Identifier: Apache-2.0
"""run.py KMESH_KO STEER STEER_BPF_O [PATTERN ...]: all test_*.py beside it, one line a test: `ok NAME` or `not ok NAME`."""
import os
import sys
import unittest

import mesh
import case

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Lines(unittest.TestResult):
    def _say(self, word, test, detail=''):
        print(f'{word} {test.id()}', *detail.splitlines(), sep='\n    ', flush=True)

    def addSuccess(self, test):
        self._say('ok', test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._say('not ok', test, self._exc_info_to_string(error, test))

    def addError(self, test, error):
        self.addFailure(test, error)

    def addSkip(self, test, reason):
        self._say('skip', test, reason)


def main():
    case.module = mesh.Module(sys.argv[1])
    case.module.insert()
    case.endpoints = mesh.Endpoints()
    case.steering = mesh.Steering(sys.argv[2], sys.argv[3], os.environ.get('CGROUP', '/sys/fs/cgroup'))
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f'*{pattern}*' for pattern in sys.argv[4:]] or None
    result = Lines()
    loader.discover(FOLDER).run(result)
    case.steering.end()
    print(f'{result.testsRun - len(result.failures)} passed, {len(result.failures)} failed', flush=True)
    sys.exit(1 if result.failures else 0)


main()
