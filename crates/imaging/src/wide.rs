//! What processors can do that most have, and not all: it is looked for when the program runs.

/// Says that the processor has AVX2, FMA, BMI1 and BMI2: that of nearly every x86-64 since 2013.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) struct Wide(());

impl Wide {
    /// It, where that is so.
    #[inline]
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub fn get() -> Option<Wide> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
        {
            return Some(Wide(()));
        }
        None
    }
}

/// Makes a function of another one, `$body`, which is compiled twice: for all processors, and for those
/// that are [`Wide`]. What its loops do then is done for eight numbers at a time.
macro_rules! widest {
    ($(#[$doc:meta])* $vis:vis fn $name:ident $(<$t:ident: $bound:ident>)? ($($arg:ident: $type:ty),* $(,)?)
        $(-> $result:ty)? => $body:ident) => {
        $(#[$doc])*
        #[allow(unsafe_code)]
        $vis fn $name $(<$t: $bound>)? ($($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            if $crate::wide::Wide::get().is_some() {
                #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
                fn wide $(<$t: $bound>)? ($($arg: $type),*) $(-> $result)? {
                    $body $(::<$t>)?($($arg),*)
                }
                // SAFETY: the processor has what it is compiled for.
                return unsafe { wide($($arg),*) };
            }
            $body $(::<$t>)?($($arg),*)
        }
    };
}

pub(crate) use widest;
