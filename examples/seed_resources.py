import eventcore as evr
import eventcore as vrp
import logging
import time

logger=logging.getLogger(__name__)


def prog(progname):
    logger.info("%s starts" % progname)
    time.sleep(0.3) # mimic activity
    logger.info("%s ends" % progname)
    return progname


class Resources1(vrp.Resource): pass
class Resources2(vrp.Resource): pass

rp1=vrp.ResourcePool('RP1', resource_cls=Resources1, policy={'resource_limit': 2, }).load()                   
rp2=vrp.ResourcePool('RP2', resource_cls=Resources2, policy={'resource_limit': 2, }).load()

ev=evr.Eventor( logging_level=logging.INFO, config={'max_concurrent': -1}, )

ev0s=ev.add_event('run_s00')

s1=ev.add_step('s0.s00.s1', func=prog, kwargs={'progname': 'prog1'}, acquires=[(rp2, 1), ],) 
s2=ev.add_step('s0.s00.s2', func=prog, kwargs={'progname': 'prog2'}, acquires=[(rp1, 1), (rp2, 1), ],) 
s3=ev.add_step('s0.s00.s3', func=prog, kwargs={'progname': 'prog3'}, acquires=[(rp2, 2), ],) 
s4=ev.add_step('s0.s00.s4', func=prog, kwargs={'progname': 'prog4'}, acquires=[(rp1, 1), ],) 

ev.add_assoc(ev0s, s1, s2, s3, s4)

ev.trigger_event(ev0s, 1)
ev.run()
ev.close()
