//! What a process that reads the bytes of strangers gives up before: it can compute, ask for memory, use
//! the pipe that it has, and end. No file, no network, no other process, no code that was not there.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    Scope,
};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getpriority_process, set_dumpable_behavior,
    setpriority_process, setrlimit,
};
use rustix::thread::set_no_new_privs;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::io;

/// How much it yields to those who answer requests: by this much less of the processor.
const NICE: i32 = 5;
/// The same where nobody waits for it.
const NICE_PATIENT: i32 = 19;

/// How a process is shut in.
#[derive(Clone, Copy, Debug)]
pub struct Confined {
    /// Bytes of memory that pictures may take.
    pub memory_bytes: u64,
    /// Whether nobody waits for what it makes.
    pub is_patient: bool,
}

impl Confined {
    /// Shuts this process in: what the system lacks for it. `beside`: bytes of memory beside those of
    /// pictures.
    ///
    /// # Errors
    /// When the system refuses what every system has.
    pub fn shut_in(&self, beside: u64) -> io::Result<Vec<String>> {
        set_no_new_privs(true)?;
        // Nobody of the same user looks into it, nor does what it holds come to lie in a file.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        let nice = if self.is_patient { NICE_PATIENT } else { NICE };
        let before = getpriority_process(None)?;
        setpriority_process(None, (before + nice).min(19))?;
        limit(Resource::Data, self.memory_bytes.saturating_add(beside))?;
        for none in [Resource::Core, Resource::Fsize, Resource::Nproc, Resource::Memlock] {
            limit(none, 0)?;
        }
        let mut missing = Vec::new();
        missing.extend(landlock().err().map(|why| format!("landlock ({why})")));
        // No further file, whatever else holds.
        limit(Resource::Nofile, 0)?;
        missing.extend(seccomp().err().map(|why| format!("seccomp ({why})")));
        Ok(missing)
    }
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// No file and no network, by landlock(7).
fn landlock() -> Result<(), String> {
    let all = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V6))?
            .handle_access(AccessNet::from_all(ABI::V6))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .restrict_self()
    };
    match all() {
        Ok(status) if status.ruleset != RulesetStatus::NotEnforced => Ok(()),
        Ok(_) => Err("this kernel does not have it, or has it off".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// No system call but those that computing needs, by seccomp(2). Others are answered with an error, so
/// that a library which only looks whether it could do something goes on without.
fn seccomp() -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let always = ALLOWED.iter().map(|call| (*call, Vec::new()));
    let data = MEMORY.iter().map(|call| Ok((*call, vec![not_executable()?])));
    let data: Result<Vec<_>, seccompiler::BackendError> = data.collect();
    let rules = always.chain(data.map_err(|error| told(&error))?).collect();
    let architecture = std::env::consts::ARCH.try_into().map_err(|error| told(&error))?;
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, architecture);
    let filter = filter.map_err(|error| told(&error))?;
    let program: BpfProgram =
        filter.try_into().map_err(|error: seccompiler::BackendError| told(&error))?;
    seccompiler::apply_filter(&program).map_err(|error| told(&error))
}

/// Memory may be had, but never such that what lies in it can be run.
fn not_executable() -> Result<SeccompRule, seccompiler::BackendError> {
    const PROTECTION: u8 = 2;
    let mask = SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64);
    SeccompRule::new(vec![SeccompCondition::new(PROTECTION, SeccompCmpArgLen::Dword, mask, 0)?])
}

/// Calls by which memory is had.
const MEMORY: [libc::c_long; 2] = [libc::SYS_mmap, libc::SYS_mprotect];
/// Calls that are allowed whatever they are given.
const ALLOWED: [libc::c_long; 26] = [
    // The pipe, and what is held of memory.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_pread64,
    libc::SYS_close,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Time, chance, and which processor this is.
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_sysinfo,
    libc::SYS_getcpu,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    // Locks within the process.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    // Its own end, by itself and by a fault.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
];
