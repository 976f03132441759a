import eventcore as evr
import logging
import math

logger=logging.getLogger(__name__)

logger.setLevel(logging.DEBUG)

def square(x):
    y=x*x
    logger.info("Square of %s is %s" % (x, y))
    return y
    

def square_root(x):
    y=math.sqrt(x)
    logger.info("Square root of %s is %s" % (x, y))
    return y
    

def divide(x,y):
    z=x/y
    logger.info("dividing %s by %s is %s" % (x, y, z))
    return z

def build_flow(run_mode=evr.RunMode.restart, param=9):
    ev=evr.Eventor(run_mode=run_mode, logging_level=logging.INFO)

    ev1s=ev.add_event('run_step1')
    ev1d=ev.add_event('done_step1')
    ev2s=ev.add_event('run_step2')
    ev2d=ev.add_event('done_step2')
    ev3s=ev.add_event('run_step3', expr=(ev1d, ev2d)) 

    s1=ev.add_step('s1', func=square, kwargs={'x': 3}, 
                   triggers={evr.StepStatus.success: (ev1d, ev2s,)},) 
    s2=ev.add_step('s2', square_root, kwargs={'x': param}, triggers={evr.StepStatus.success: (ev2d,), },
                   recovery={evr.StepStatus.failure: evr.StepReplay.rerun, 
                             evr.StepStatus.success: evr.StepReplay.skip})
    s3=ev.add_step('s3', divide, kwargs={'x': 9, 'y': 3},)

    ev.add_assoc(ev1s, s1)
    ev.add_assoc(ev2s, s2)
    ev.add_assoc(ev3s, s3)
    ev.trigger_event(ev1s, 3)    
    return ev


def construct_and_run():
    # start regularly; it would fail in step 2
    ev=build_flow(param=-9)
    ev.run()
    ev.close()

    # rerun in recovery
    ev=build_flow(evr.RunMode.recover, param=9)
    ev.run()
    ev.close()


if __name__ == '__main__':
    import multiprocessing as mp
    mp.freeze_support()
    mp.set_start_method('spawn')
    construct_and_run()
