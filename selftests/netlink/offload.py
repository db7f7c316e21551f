#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""OFFLOAD: claims, and what may be called copied. The devices are played by this program."""
import errno
import os
import subprocess
import time

import genl
from replica import Client, main, same, wait_state, wait_until

SECTOR = 512


class Helper(Client):
    """Somebody who has the devices copy."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.steps = self.protocol.enums['offload-step']
        self.states = self.protocol.enums['offload-state']

    def step(self, step, **values):
        return self.call('offload', self.name, offload=self.steps[step], **values)

    def claim(self, sector, sectors):
        got = self.step('claim', sector=sector, sectors=sectors)
        same('the number of answers', len(got), 1)
        return got[0]['sector'], got[0]['sectors']

    def copied(self, sector, sectors):
        self.step('copied', sector=sector, sectors=sectors)

    def state(self):
        told = self.get(self.name)
        return told.get('offload-state'), told.get('offload-reason')

    def refused(self, code, sentence, step, **values):
        try:
            self.step(step, **values)
        except genl.Refused as refusal:
            same(f'{step}: errno', errno.errorcode.get(refusal.code), errno.errorcode[code])
            assert sentence in refusal.sentence, f'{step}: {refusal.sentence}'
            print(f'# {step}: {refusal.sentence}')
            return
        raise AssertionError(f'{step} was not refused: {values}')


def copy(origin, replica, sector, sectors):
    """What a device would do."""
    with open(origin, 'rb') as source, open(replica, 'r+b') as target:
        source.seek(sector * SECTOR)
        target.seek(sector * SECTOR)
        target.write(source.read(sectors * SECTOR))
        target.flush()
        os.fsync(target.fileno())


def copy_all(helper, origin, replica, step):
    at, size = 0, helper.get(helper.name)['size'] // SECTOR
    while at < size:
        sector, sectors = helper.claim(at, min(step, size - at))
        at += step
        if sectors:
            copy(origin, replica, sector, sectors)
            helper.copied(sector, sectors)
            helper.step('release')


def check_all(name, origin, replica):
    """All of it: the kernel copies nothing, and says so."""
    helper = Helper(name)
    same('the state before', helper.state()[0], helper.states['awaited'])
    copy_all(helper, origin, replica, 8192)
    same('the state while it lasts', helper.state()[0], helper.states['running'])
    helper.step('finish')
    wait_state(helper, name, 'synchronized')
    told = helper.get(name)
    same('by the devices', told['counters']['offloaded-bytes'], told['size'])
    same('by the kernel', told['counters']['resync-bytes'], 0)
    same('the end', helper.state(), (helper.states['over'], None))


def check_part(name, origin, replica):
    """Some of a claim: the rest is the kernel's, with the reason."""
    helper = Helper(name)
    region = helper.get(name)['region-size'] // SECTOR
    sector, sectors = helper.claim(0, 8 * region)
    same('what is claimed', (sector, sectors), (0, 8 * region))
    copy(origin, replica, 2 * region, 3 * region)
    helper.copied(2 * region, 3 * region)
    time.sleep(1)
    told = helper.get(name)
    same('dirty bytes', told['dirty-bytes'], told['size'] - 3 * region * SECTOR)
    same('bytes of the job', told['job']['offloaded'], 3 * region * SECTOR)
    helper.step('finish', reason='the rest is refused')
    wait_state(helper, name, 'synchronized')
    told = helper.get(name)
    same('by the devices', told['counters']['offloaded-bytes'], 3 * region * SECTOR)
    same('by the kernel', told['counters']['resync-bytes'],
         told['size'] - 3 * region * SECTOR)
    same('the end', helper.state(), (helper.states['over'], 'the rest is refused'))


def check_refused(name, mirror, plain):
    """Whatever is not in order is refused with a sentence, and changes nothing."""
    helper = Helper(name)
    told = helper.get(name)
    region, size = told['region-size'] // SECTOR, told['size'] // SECTOR
    Helper(mirror).refused(errno.EOPNOTSUPP, 'no feature offload', 'claim', sector=0,
                           sectors=region)
    Helper(plain).refused(errno.EOPNOTSUPP, 'no feature offload', 'finish')
    helper.refused(errno.EINVAL, 'is missing', 'claim', sector=0)
    helper.refused(errno.EINVAL, 'is missing', 'copied', sectors=region)
    helper.refused(errno.EBUSY, 'or none has begun', 'copied', sector=0, sectors=region)
    helper.refused(errno.EBUSY, 'or none has begun', 'release')
    for sector, sectors in ((1, region), (0, region - 1), (0, 0), (size, region),
                            (0, size + region), (2**64 - region, region), (region, 2**64 - 1)):
        helper.refused(errno.EINVAL, 'whole regions', 'claim', sector=sector, sectors=sectors)
    same('what is claimed', helper.claim(region, region), (region, region))
    helper.refused(errno.EBUSY, 'a claim already', 'claim', sector=0, sectors=region)
    helper.refused(errno.EINVAL, 'not within what is claimed', 'copied', sector=0,
                   sectors=region)
    helper.refused(errno.EINVAL, 'not within what is claimed', 'copied', sector=region,
                   sectors=2 * region)
    helper.refused(errno.EINVAL, 'whole regions', 'copied', sector=region, sectors=1)
    Helper(name).refused(errno.EBUSY, 'another process', 'claim', sector=0, sectors=region)
    Helper(name).refused(errno.EBUSY, 'another process', 'copied', sector=region,
                         sectors=region)
    Helper(name).refused(errno.EBUSY, 'another process', 'finish')
    same('dirty bytes', helper.get(name)['dirty-bytes'], told['size'])
    same('by the devices', helper.get(name)['counters']['offloaded-bytes'], 0)
    helper.step('finish')
    helper.refused(errno.EBUSY, 'does not wait', 'claim', sector=0, sectors=region)
    wait_state(helper, name, 'synchronized')


def check_closed(name):
    """A socket that closes gives back what it had, and the kernel does the rest."""
    helper, other = Helper(name), Helper(name)
    helper.claim(0, 8192)
    helper.close()
    wait_state(other, name, 'synchronized')
    same('by the devices', other.get(name)['counters']['offloaded-bytes'], 0)
    assert 'has ended' in other.state()[1], other.state()


def check_silent(name, origin, replica):
    """Nothing is heard: the kernel copies all but what is claimed, which stays claimed."""
    helper = Helper(name)
    sector, sectors = helper.claim(0, 8192)
    wait_until('the kernel to copy the rest',
               lambda: helper.get(name)['dirty-bytes'] == sectors * SECTOR, 60)
    time.sleep(1)
    told = helper.get(name)
    same('dirty bytes', told['dirty-bytes'], sectors * SECTOR)
    same('the state', helper.state()[0], helper.states['over'])
    copy(origin, replica, sector, sectors)
    helper.copied(sector, sectors)
    helper.step('release')
    wait_state(helper, name, 'synchronized')
    same('by the devices', helper.get(name)['counters']['offloaded-bytes'], sectors * SECTOR)


def check_suspended(name, origin, replica):
    """A suspend waits for what is claimed; no claim is made meanwhile."""
    helper = Helper(name)
    sector, sectors = helper.claim(0, 8192)
    with subprocess.Popen(('dmsetup', 'suspend', name)) as suspender:
        time.sleep(1)
        same('the suspend', suspender.poll(), None)
        copy(origin, replica, sector, sectors)
        helper.copied(sector, sectors)
        helper.step('release')
        same('the end of it', suspender.wait(60), 0)
    helper.refused(errno.EBUSY, '', 'claim', sector=8192, sectors=8192)
    subprocess.run(('dmsetup', 'resume', name), check=True)
    copy_all(helper, origin, replica, 8192)
    helper.step('finish')
    wait_state(helper, name, 'synchronized')
    told = helper.get(name)
    same('by the devices', told['counters']['offloaded-bytes'], told['size'])


def try_claim(helper, sectors):
    """Has it been made, and given back?  It is refused while the device is suspended."""
    try:
        helper.claim(0, sectors)
    except genl.Refused as refusal:
        same('errno', errno.errorcode.get(refusal.code), 'EBUSY')
        return False
    helper.step('release')
    return True


def check_answered(name):
    """Steps are answered at once, also those that meet the beginning of a suspend."""
    helper = Helper(name)
    sectors = helper.get(name)['region-size'] // SECTOR
    made, longest = 0, 0.0
    cycle = 'dmsetup suspend "$0" && sleep 4 && dmsetup resume "$0" || exit'
    with subprocess.Popen(('bash', '-c', f'for i in {{1..8}}; do {cycle}; done',
                           name)) as suspender:
        while suspender.poll() is None:
            began = time.monotonic()
            made += try_claim(helper, sectors)
            longest = max(longest, time.monotonic() - began)
        same('the suspends', suspender.returncode, 0)
    print(f'# {made} claims, {longest:.3f} s at most')
    assert made > 8, 'no claims were made'
    assert longest < 2, 'a step was not answered while the device was suspended'
    helper.step('finish')
    wait_state(helper, name, 'synchronized')


def check_removed(name):
    """Nobody gives back: a remove takes its time, and no more."""
    helper = Helper(name)
    helper.claim(0, 8192)
    began = time.monotonic()
    subprocess.run(('dmsetup', 'remove', name), check=True, timeout=60)
    print(f'# removed after {time.monotonic() - began:.1f} s')
    helper.refused(errno.ENODEV, '', 'release')
    # Until it is back the target takes no other replica: the caller looks.
    print('claimed', flush=True)
    input()
    helper.close()


def check_given_up(name):
    """It took longer than replica_timeout: Broken, until the command is back."""
    helper = Helper(name)
    helper.claim(0, 8192)
    wait_state(helper, name, 'broken')
    time.sleep(3)
    wait_state(helper, name, 'broken', 1)
    same('detached', helper.get(name)['counters']['detached'] > 0, True)
    helper.refused(errno.EBUSY, 'given up', 'copied', sector=0, sectors=8192)
    wait_state(helper, name, 'synchronized')
    told = helper.get(name)
    same('by the devices', told['counters']['offloaded-bytes'], 0)
    same('detached', told['counters']['detached'], 0)


def check_written(name, device):
    """A write waits for what is claimed, and wins: what is called copied is of before."""
    helper = Helper(name)
    helper.claim(0, 8192)
    with subprocess.Popen(('dd', 'if=/dev/urandom', f'of={device}', 'bs=4k', 'count=1',
                           'oflag=direct', 'conv=notrunc', 'status=none')) as writer:
        time.sleep(1)
        same('the write', writer.poll(), None)
        helper.step('release')
        same('the end of it', writer.wait(60), 0)
    helper.step('finish')
    wait_state(helper, name, 'synchronized')


def check_ended(name):
    """A job that was cancelled takes no words of an earlier claim."""
    helper, other = Helper(name), Client()
    sector, sectors = helper.claim(0, 8192)
    other.call('operate', name, operation=helper.protocol.enums['operation']['abort'])
    helper.refused(errno.EBUSY, 'has ended', 'copied', sector=sector, sectors=sectors)
    helper.step('release')
    helper.refused(errno.EBUSY, 'does not wait', 'claim', sector=0, sectors=8192)


if __name__ == '__main__':
    main({'all': check_all, 'part': check_part, 'refused': check_refused,
          'closed': check_closed, 'silent': check_silent, 'suspended': check_suspended,
          'answered': check_answered, 'removed': check_removed, 'given_up': check_given_up,
          'written': check_written, 'ended': check_ended})
