#!/bin/sh
# Answers like the firmware tool of the board named in FAKE_BOARD: a Raspberry Pi 5 measures its rails, a 4 has no such
# command. Form and order of the lines are the firmware's (right-aligned names, currents first, EXT5V and BATT without
# a current); the values are made up.
case "$1" in
get_throttled) echo "throttled=${FAKE_THROTTLED:-0x0}" ;;
pmic_read_adc)
    if [ "$FAKE_BOARD" != pi5 ]; then
        echo 'error=1 error_msg="Command not registered"'
        exit 0
    fi
    cat <<END
 3V7_WL_SW_A current(0)=0.02342232A
   3V3_SYS_A current(1)=0.10000000A
   1V8_SYS_A current(2)=0.20000000A
  DDR_VDD2_A current(3)=0.10000000A
  DDR_VDDQ_A current(4)=0.00000000A
   1V1_SYS_A current(5)=0.20000000A
    0V8_SW_A current(6)=0.40000000A
  VDD_CORE_A current(7)=3.00000000A
   3V3_DAC_A current(17)=0.00036630A
   3V3_ADC_A current(18)=0.00042735A
   0V8_AON_A current(16)=0.00500000A
      HDMI_A current(22)=0.02000000A
 3V7_WL_SW_V volt(8)=3.70000000V
   3V3_SYS_V volt(9)=3.30000000V
   1V8_SYS_V volt(10)=1.80000000V
  DDR_VDD2_V volt(11)=1.10000000V
  DDR_VDDQ_V volt(12)=0.60000000V
   1V1_SYS_V volt(13)=1.10000000V
    0V8_SW_V volt(14)=0.80000000V
  VDD_CORE_V volt(15)=0.90000000V
   3V3_DAC_V volt(20)=3.30000000V
   3V3_ADC_V volt(21)=3.30000000V
   0V8_AON_V volt(19)=0.80000000V
      HDMI_V volt(23)=5.10000000V
     EXT5V_V volt(24)=5.06788000V
      BATT_V volt(25)=0.00000000V
END
    ;;
*) echo 'error=1 error_msg="Command not registered"' ;;
esac
