import eventcore as evr
import logging

logger=logging.getLogger(__name__)

def prog(progname):
    logger.info("doing what %s is doing" % progname)
    return progname

ev=evr.Eventor(store=':memory:')

ev1s=ev.add_event('run_step1')
ev2s=ev.add_event('run_step2')
ev3s=ev.add_event('run_step3')

s1=ev.add_step('s1', func=prog, kwargs={'progname': 'prog1'}, 
               triggers={evr.StepTriggers.at_success: (ev2s,),}) 
s2=ev.add_step('s2', func=prog, kwargs={'progname': 'prog2'}, 
               triggers={evr.StepTriggers.at_success: (ev3s,), })
s3=ev.add_step('s3', func=prog, kwargs={'progname': 'prog3'},)

ev.add_assoc(ev1s, s1)
ev.add_assoc(ev2s, s2)
ev.add_assoc(ev3s, s3)

ev.trigger_event(ev1s, 1)
ev()
