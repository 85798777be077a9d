"""Forks and threads: everything of multiprocessing that starts no program."""

import asyncio
import concurrent.futures
import mmap
import multiprocessing
import multiprocessing.dummy
import multiprocessing.managers
import os
import queue
import signal
import threading
import time

from doings import doing

_context = multiprocessing.get_context("fork")


def _square(n):
    return n * n


@doing
def queues():
    queue = _context.Queue()
    process = _context.Process(target=queue.put, args=(os.getpid(),))
    process.start()
    parent = queue.get()
    process.join()
    return parent == os.getpid(), process.exitcode


@doing
def pipes():
    ours, theirs = _context.Pipe()
    process = _context.Process(target=lambda: theirs.send(_square(4)))
    process.start()
    answer = ours.recv()
    process.join()
    return answer, process.exitcode


@doing
def process_pool():
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=_context) as pool:
        return list(pool.map(_square, range(10)))


@doing
def pool():
    with _context.Pool(2) as pool:
        found = [pool.map(_square, range(20), 3), pool.apply(_square, (5,))]
        found.append(sorted(pool.imap_unordered(_square, range(5))))
        pool.close()
        pool.join()
    return found


@doing
def handler_in_children():
    """The handler itself, pickled by name for a pool's children."""
    from app import handler

    with _context.Pool(2) as pool:
        return pool.starmap(handler, [({"doing": "threads"}, None)] * 3)


def _count(number, lock, event, barrier):
    event.wait()
    for _ in range(50):
        with lock:
            number.value += 1
    barrier.wait()


@doing
def locks():
    number, event, barrier = _context.Value("i", 0, lock=False), _context.Event(), _context.Barrier(3)
    found = []
    for lock in (_context.Lock(), _context.RLock(), _context.Semaphore(1), _context.BoundedSemaphore(1)):
        processes = [_context.Process(target=_count, args=(number, lock, event, barrier)) for _ in range(3)]
        for process in processes:
            process.start()
        event.set()
        for process in processes:
            process.join()
        found.append((number.value, [process.exitcode for process in processes]))
    return found


@doing
def shared_arrays():
    array = _context.Array("d", 10)
    process = _context.Process(target=lambda: array.__setitem__(3, 1.5))
    process.start()
    process.join()
    return list(array)


@doing
def shared_memory_by_address():
    """Anonymous, as a function's environment has no /dev/shm."""
    memory = mmap.mmap(-1, 4096)
    child = os.fork()
    if child == 0:
        memory[0] = 7
        os._exit(0)
    os.waitpid(child, 0)
    return memory[0]


@doing
def manager():
    """Its server is a forked child; it listens on a socket in the folder for temporary files."""
    with multiprocessing.managers.SyncManager(ctx=_context) as manager:
        shared = manager.dict()
        process = _context.Process(target=shared.update, args=({"n": 1},))
        process.start()
        process.join()
        return dict(shared), list(manager.list([1, 2]))


@doing
def listener_and_client():
    from multiprocessing.connection import Client, Listener

    with Listener(family="AF_UNIX") as listener:
        thread = threading.Thread(target=lambda: Client(listener.address).send([1, 2]))
        thread.start()
        with listener.accept() as connection:
            found = connection.recv()
        thread.join()
    return found


@doing
def forked_by_hand():
    child = os.fork()
    if child == 0:
        os._exit(5)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@doing
def forked_with_threads():
    """Others run when the process forks; the child opens files, asks for names and starts threads."""
    stop = threading.Event()

    def work():
        while not stop.is_set():
            with open("/proc/self/status") as file:
                file.read()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    with _context.Pool(2) as pool:
        found = pool.map(_child, range(4))
    stop.set()
    for thread in threads:
        thread.join()
    return found


def _child(number):
    import socket
    import tempfile

    with tempfile.TemporaryFile() as file, concurrent.futures.ThreadPoolExecutor(2) as threads:
        file.write(b"x" * number)
        return file.tell(), socket.gethostbyname("localhost"), list(threads.map(_square, range(3)))


@doing
def killed_child():
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(1)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@doing
def threads():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(_square, range(100)))


@doing
def threads_and_queues():
    inward, outward = queue.Queue(), queue.Queue()

    def work():
        while (number := inward.get()) is not None:
            outward.put(_square(number))

    workers = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for worker in workers:
        worker.start()
    for number in [*range(50), None, None, None, None]:
        inward.put(number)
    for worker in workers:
        worker.join()
    with multiprocessing.dummy.Pool(3) as pool:
        return sorted(outward.queue), pool.map(_square, range(5))


@doing
def event_loop():
    async def work():
        loop = asyncio.get_running_loop()
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=_context) as pool:
            other = await loop.run_in_executor(pool, _square, 9)
        return other, await asyncio.gather(*(asyncio.to_thread(_square, n) for n in range(5)))

    return asyncio.run(work())


@doing
def timers_and_signals():
    found = []
    signal.signal(signal.SIGALRM, lambda number, _: found.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    deadline = time.monotonic() + 10
    while not found and time.monotonic() < deadline:
        time.sleep(0.005)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    return found
